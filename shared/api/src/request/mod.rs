//! A request, read once: path values, query, body.

mod call;
mod cors;
mod query;

pub use call::{Call, LARGEST_BODY};
pub use cors::Origins;
pub use query::Query;
