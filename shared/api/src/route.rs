//! A route: what API Gateway needs to know of it, and the function that answers.

use std::future::Future;
use std::pin::Pin;

use lambda_http::http::Method;

use crate::context::Context;
use crate::reply::{Error, Reply};

/// An answer on its way.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send + 'a>>;

/// How a route answers.
pub type Handler = for<'a> fn(&'a Context<'a>) -> Answer<'a>;

/// A route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The function that answers, as its binary is called.
    pub function: &'static str,
    /// Its methods.
    pub methods: &'static [&'static str],
    /// Its paths, all meaning the same; `{name}` stands for one segment.
    pub paths: &'static [&'static str],
    /// How it answers.
    pub handler: Handler,
}

impl Route {
    /// Whether the route has this method.
    #[must_use]
    pub fn allows(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(&method.as_str())
    }
}
