//! Reading a request and writing its answer, apart from what it is about.

mod call;
mod duration;
mod query;
mod reply;

pub use call::Call;
pub use duration::{BadDuration, go_duration};
pub use query::Query;
pub use reply::{Reply, render, render_error, text};
