//! The routes: one file each, and [`TABLE`], the only list of them.
//!
//! A row says what API Gateway needs (methods, paths), which function answers,
//! and how. The local gateway dispatches by it, the template is held against it
//! by a test, the function for unknown paths tells 405 from 404 by it.

use std::future::Future;
use std::pin::Pin;

use lambda_http::http::Method;

use crate::edge::Context;
use crate::error::Error;
use crate::http::Reply;

pub mod agent_self;
pub mod allocation_get;
pub mod allocation_stats;
pub mod allocations_list;
pub mod evaluation_allocations;
pub mod evaluation_get;
pub mod evaluations_list;
pub mod force_leave;
pub mod job_allocations;
pub mod job_delete;
pub mod job_evaluations;
pub mod job_get;
pub mod job_pause;
pub mod job_resume;
pub mod job_update;
pub mod jobs_list;
pub mod jobs_register;
pub mod join;
pub mod leader;
pub mod managers_list;
pub mod managers_set;
pub mod members;
pub mod node_allocations;
pub mod node_evaluate;
pub mod node_get;
pub mod nodes_list;
pub mod not_found;
pub mod orders_list;
pub mod peers;
pub mod raft_configuration;
pub mod raft_peer_remove;
pub mod regions;
pub mod unsupported;
pub mod validate_job;

/// Every route, sorted by function.
pub const TABLE: &[Route] = &[
    agent_self::ROUTE,
    allocation_get::ROUTE,
    allocation_stats::ROUTE,
    allocations_list::ROUTE,
    evaluation_allocations::ROUTE,
    evaluation_get::ROUTE,
    evaluations_list::ROUTE,
    force_leave::ROUTE,
    job_allocations::ROUTE,
    job_delete::ROUTE,
    job_evaluations::ROUTE,
    job_get::ROUTE,
    job_pause::ROUTE,
    job_resume::ROUTE,
    job_update::ROUTE,
    jobs_list::ROUTE,
    jobs_register::ROUTE,
    join::ROUTE,
    leader::ROUTE,
    managers_list::ROUTE,
    managers_set::ROUTE,
    members::ROUTE,
    node_allocations::ROUTE,
    node_evaluate::ROUTE,
    node_get::ROUTE,
    nodes_list::ROUTE,
    orders_list::ROUTE,
    peers::ROUTE,
    raft_configuration::ROUTE,
    raft_peer_remove::ROUTE,
    regions::ROUTE,
    unsupported::ROUTE,
    validate_job::ROUTE,
];

/// The body of a 404 for a path that no route has; Go's own page.
pub const NO_PAGE: &str = "404 page not found\n";

/// An answer on its way.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send + 'a>>;

/// How a route answers.
pub type Handler = for<'a> fn(&'a Context<'a>) -> Answer<'a>;

/// A route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The function that answers, as its binary is called.
    pub function: &'static str,
    /// Its methods.
    pub methods: &'static [&'static str],
    /// Its paths, all meaning the same; `{name}` stands for one segment.
    pub paths: &'static [&'static str],
    /// How it answers.
    pub handler: Handler,
}

impl Route {
    /// Whether the route has this method.
    #[must_use]
    pub fn allows(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(&method.as_str())
    }

    /// The names of its path parameters.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let path = self.paths.first().copied().unwrap_or_default();
        path.split('/').filter_map(name_of)
    }

    /// The values of its path parameters in a decoded path that is one of its.
    #[must_use]
    pub fn match_path(&self, path: &str) -> Option<Vec<(&'static str, String)>> {
        self.paths.iter().find_map(|pattern| {
            let mut values = Vec::new();
            let mut segments = path.split('/');
            for part in pattern.split('/') {
                let segment = segments.next()?;
                match name_of(part) {
                    Some(_) if segment.is_empty() => return None,
                    Some(name) => values.push((name, segment.to_owned())),
                    None if part == segment => {}
                    None => return None,
                }
            }
            segments.next().is_none().then_some(values)
        })
    }
}

fn name_of(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

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

    #[test]
    fn a_parameter_is_one_segment_and_never_empty() {
        let route = job_get::ROUTE;
        let id = |path| route.match_path(path).map(|values| values[0].1.clone());
        assert_eq!(id("/v1/job/a b").as_deref(), Some("a b"));
        for path in [
            "/v1/job/",
            "/v1/job",
            "/v1/job/a/",
            "/v1/job/a/b",
            "/v2/job/a",
            "v1/job/a",
        ] {
            assert_eq!(id(path), None, "{path}");
        }
    }
}
