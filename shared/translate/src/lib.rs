//! The dictionary between 2.x and Nomad with the dtle plugin.
//!
//! Pure functions over the wire types of both sides: no I/O, no clock, no
//! environment. A rule that is there because 2.x, Nomad or the plugin behaves
//! oddly says so in a line, with the recording that shows it.

pub mod allocation;
mod at;
pub mod body;
pub mod check;
pub mod cluster;
pub mod config;
pub mod delay;
pub mod evaluation;
pub mod events;
mod failure;
pub mod forget;
pub mod gtid;
pub mod job;
pub mod keys;
pub mod layout;
mod meta;
pub mod metrics;
pub mod node;
pub mod nomad_job;
pub mod numbers;
pub mod password;
pub mod policy;
pub mod progress;
pub mod register;
pub mod retry;
pub mod scope;
mod side;
pub mod spec;
pub mod statistics;
pub mod status;
pub mod template;
mod time;
pub mod v2;
pub mod validation;
mod view;
pub mod wire;

pub use layout::Layout;
pub use meta::{Mark, MetaRecord};
pub use side::{Driver, Side};
pub use view::JobView;
