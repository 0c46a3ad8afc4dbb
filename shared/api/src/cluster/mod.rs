//! What several routes need of the cluster: a job with its status, the list of jobs,
//! a write that loses nobody's change, the statistics of running tasks. Each module
//! has its own cache, and its functions take only what they use; a route combines
//! them.

pub mod allocations;
pub mod delay;
pub mod events;
pub mod history;
pub mod jobs;
pub mod layout;
pub mod lists;
pub mod locks;
pub mod memo;
pub mod nodes;
pub mod samples;
pub mod servers;
pub mod statistics;
pub mod writes;
