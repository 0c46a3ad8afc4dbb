//! A request, read once: path values, query, body.

mod call;
mod query;

pub use call::Call;
pub use query::Query;
