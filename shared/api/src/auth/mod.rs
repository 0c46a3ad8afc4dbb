//! Who may call: the decision about one request, and the Lambda authorizer around it.
//!
//! A caller sends a token, as `Authorization: Bearer TOKEN` or as the password of
//! HTTP Basic, so that a program which only takes a URL can use
//! `https://any:TOKEN@host/`. What is kept of a token is a hash:
//!
//! ```json
//! {"tokens": [{"name": "dashboard", "scope": "read", "salt": "b0…", "hash": "5f…"}]}
//! ```
//!
//! `hash` is SHA-256 over the text of `salt` followed by the token, in hex or base64.
//! A fast hash is right here: a token is 256 random bits, which nobody guesses at
//! any speed; slow hashes are for what people make up.

pub mod decide;
pub mod lambda;
pub mod tokens;

pub use decide::{Callers, Decision, authorize};
pub use lambda::run;
pub use tokens::{Entry, Scope, Token, Tokens, TokensError, new_token};

#[cfg(test)]
mod tests;
