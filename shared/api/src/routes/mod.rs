//! The routes: one file for each, and [`TABLE`], which is the only list of them.
//!
//! A row names the methods and paths of a route, as API Gateway needs them, the
//! function that answers, and the handler. The gateway on one machine finds the
//! handler in the table, a test compares the template with it, and the function for
//! unknown paths tells 405 from 404 by it.

use crate::route::{Route, Row};

mod whole;

pub mod allocation {
    //! Allocations: tasks of jobs that were placed on nodes.
    pub mod get;
    pub mod list;
    pub mod stats;
}
pub mod console {
    //! The console, and the pages beside it: no data, no token.
    pub mod get;
}
pub mod evaluation {
    //! Evaluations: the scheduler's decisions about a job.
    pub mod allocations;
    pub mod get;
    pub mod list;
}
pub mod job {
    //! Jobs: replications of a Src task and a Dest task.
    pub mod allocations;
    pub mod delete;
    pub mod evaluations;
    pub mod get;
    pub mod list;
    pub mod pause;
    pub mod register;
    mod registration;
    pub mod resume;
    pub mod update;
    pub mod validate;
    mod warnings;
}
pub mod node {
    //! Nodes: machines that run tasks.
    pub mod allocations;
    pub mod evaluate;
    pub mod get;
    pub mod list;
}
pub mod not_found;
pub mod order {
    //! Orders: the billing of 2.x, which a Nomad cluster does not have.
    pub mod list;
    pub mod unsupported;
}
pub mod server {
    //! Servers: the Nomad servers and the agent that answers.
    pub mod agent_self;
    pub mod force_leave;
    pub mod join;
    pub mod leader;
    pub mod managers_list;
    pub mod managers_set;
    pub mod members;
    pub mod metrics;
    pub mod peers;
    pub mod raft_configuration;
    pub mod raft_peer_remove;
    pub mod regions;
}

/// Makes [`TABLE`] and [`MODULES`] of a list of modules.
macro_rules! table {
    ($($resource:ident :: $verb:ident,)*) => {
        /// Every route, sorted by function.
        pub const TABLE: &[Route] = &[$($resource::$verb::ROUTE,)*];

        /// The module of each route of [`TABLE`], as it is written in this one.
        pub const MODULES: &[&str] =
            &[$(concat!(stringify!($resource), "::", stringify!($verb)),)*];
    };
}

table! {
    server::agent_self,
    allocation::get,
    allocation::stats,
    allocation::list,
    console::get,
    evaluation::allocations,
    evaluation::get,
    evaluation::list,
    server::force_leave,
    job::allocations,
    job::delete,
    job::evaluations,
    job::get,
    job::pause,
    job::resume,
    job::update,
    job::list,
    job::register,
    server::join,
    server::leader,
    server::managers_list,
    server::managers_set,
    server::members,
    server::metrics,
    node::allocations,
    node::evaluate,
    node::get,
    node::list,
    order::list,
    server::peers,
    server::raft_configuration,
    server::raft_peer_remove,
    server::regions,
    order::unsupported,
    job::validate,
}

/// Paths that need no token, because what stands there is the same for everybody.
pub const PUBLIC: &[&str] = console::get::ROUTE.paths;

/// The rows of [`TABLE`] without their handlers. A function that used the table
/// itself would contain the code of every route.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
pub const ROWS: [Row; TABLE.len()] = {
    let mut rows = [not_found::ROUTE.row(); TABLE.len()];
    let mut i = 0;
    while i < TABLE.len() {
        rows[i] = TABLE[i].row();
        i += 1;
    }
    rows
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_method_of_a_path_has_two_functions() {
        let mut seen = BTreeSet::new();
        for route in TABLE {
            for path in route.paths {
                for method in route.methods {
                    assert!(seen.insert((method, path)), "{method} {path}");
                }
            }
        }
        let functions: BTreeSet<_> = TABLE.iter().map(|route| route.function).collect();
        assert_eq!(functions.len(), TABLE.len());
    }
}
