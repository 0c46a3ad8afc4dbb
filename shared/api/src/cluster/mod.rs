//! What several routes need of the cluster: a job with its status, the list of
//! jobs, a safe write, the nodes. A route calls these and translates.

pub mod allocations;
mod history;
pub mod jobs;
pub mod layout;
pub mod locks;
pub mod register;
pub mod servers;
pub mod writes;
