//! A route: its methods and paths, as API Gateway needs them, and its handler.

use std::future::Future;
use std::pin::Pin;

use lambda_http::http::Method;

use crate::context::Context;
use crate::document::Doc;
use crate::reply::{Error, Reply};

/// The future that a handler returns.
pub type Handled<'a> = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send + 'a>>;

/// The function that answers a request for a route.
pub type Handler = for<'a> fn(&'a Context<'a>) -> Handled<'a>;

/// Whether the answer of a route holds database passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passwords {
    /// The answer has no field for a password.
    None,
    /// The answer has such fields, and they always read `*`, as in the lists of 2.x.
    Masked,
    /// The answer shows them, unless `DTLE_MASK_PASSWORDS=everywhere`. Reading it
    /// takes a token that may write.
    Shown,
}

/// A route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The name of the Lambda function that answers, which is the name of its
    /// binary.
    pub function: &'static str,
    /// The methods of the route.
    pub methods: &'static [&'static str],
    /// The paths of the route, which all mean the same; `{name}` stands for one
    /// segment.
    pub paths: &'static [&'static str],
    /// Whether its answer holds passwords.
    pub passwords: Passwords,
    /// The function that answers.
    pub handler: Handler,
    /// The text for the OpenAPI document.
    pub doc: Doc,
}

/// A route without its handler and its text.
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
