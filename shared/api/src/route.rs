//! A route: what API Gateway needs to know of it, and the function that answers.

use std::future::Future;
use std::pin::Pin;

use lambda_http::http::Method;

use crate::context::Context;
use crate::document::Doc;
use crate::reply::{Error, Reply};

/// A handler at work.
pub type Handled<'a> = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send + 'a>>;

/// How a route answers.
pub type Handler = for<'a> fn(&'a Context<'a>) -> Handled<'a>;

/// Whether the answer of a route holds database passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passwords {
    /// The answer has no place for any.
    None,
    /// The answer has, and they always read `*`, as in the lists of 2.x.
    Masked,
    /// The answer shows them, unless `DTLE_MASK_PASSWORDS=everywhere`. Reading it
    /// takes a token that may write.
    Shown,
}

/// A route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The function that answers, as its binary is called.
    pub function: &'static str,
    /// Its methods.
    pub methods: &'static [&'static str],
    /// Its paths, all meaning the same; `{name}` stands for one segment.
    pub paths: &'static [&'static str],
    /// Whether its answer holds passwords.
    pub passwords: Passwords,
    /// How it answers.
    pub handler: Handler,
    /// What the OpenAPI document says of it.
    pub doc: Doc,
}

/// What is to be known of a route without its handler.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// As in [`Route`].
    pub methods: &'static [&'static str],
    /// As in [`Route`].
    pub paths: &'static [&'static str],
    /// As in [`Route`].
    pub passwords: Passwords,
}

impl Route {
    /// The route without its handler.
    #[must_use]
    pub const fn row(&self) -> Row {
        Row {
            methods: self.methods,
            paths: self.paths,
            passwords: self.passwords,
        }
    }

    /// Whether the route has this method.
    #[must_use]
    pub fn allows(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(&method.as_str())
    }
}
