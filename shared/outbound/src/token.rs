//! A token that this program shows to Nomad or Consul, wherever it comes from.

use std::future::Future;
use std::pin::Pin;

use crate::Secret;

/// A future in a box: a trait object cannot return one that has no name.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a token comes from: a setting, a file, or Secrets Manager.
pub trait TokenSource: Send + Sync {
    /// The token to send.
    ///
    /// # Errors
    /// A sentence that says why there is none; it never holds the token.
    fn token(&self) -> Boxed<'_, Result<Secret, String>>;

    /// Another token, because `refused` was refused; `None` when there is no
    /// other, so that a second call would be refused as well.
    fn renewed<'a>(&'a self, refused: &'a Secret) -> Boxed<'a, Option<Secret>>;
}
