//! What several routes need of the cluster: a job with its status, the list of
//! jobs, a write that loses nobody's change, what running tasks say. Each has a cache
//! of its own and takes what it uses; a route puts them together.

pub mod allocations;
mod history;
pub mod jobs;
pub mod layout;
pub mod lists;
pub mod locks;
pub mod nodes;
pub mod servers;
pub mod statistics;
pub mod writes;
