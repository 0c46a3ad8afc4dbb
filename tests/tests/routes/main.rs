//! What each route answers. A route's tests stand where the route stands:
//! `job::pause` is `POST /v1/job/{id}/pause`, and
//! `cargo test -p tests --test routes job::pause` runs them. What holds for every
//! route, or for several together, is in `every`.
//!
//! | a test of | runs |
//! |---|---|
//! | `on_every_cluster!` | on the in-memory Nomad, with each generation of the plugin; with NOMAD_ADDR on that one ([`tests::site`]) |
//! | `on_both!` | with each generation: over recordings of a real Nomad ([`tests::stage`]) or the in-memory one ([`tests::cluster`]) |
//!
//! On a real cluster:
//!
//! ```sh
//! NOMAD_ADDR=http://10.0.0.5:4646 CONSUL_HTTP_ADDR=http://10.0.0.5:8500 \
//! DTLE_SOURCE=user:password@10.0.0.7:3306 DTLE_DESTINATION=user:password@10.0.0.8:3306 \
//!   cargo test -p tests --test routes on_every_cluster
//! ```

// A test that meets something odd should stop and say so; the lints against panics
// spare only functions marked as tests, and some here help them.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

/// How many cases a property test tries: this many, or as many as SAFETY_CASES says.
fn cases(default: u32) -> proptest::test_runner::Config {
    let cases = std::env::var("SAFETY_CASES").ok();
    proptest::test_runner::Config {
        cases: cases.map_or(default, |text| text.parse().expect("a number")),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..proptest::test_runner::Config::default()
    }
}

// Every file of this folder. Generated: WRITE_GENERATED=1 cargo test -p tests --test generated
mod allocation {
    mod get;
    mod list;
    mod stats;
}
mod console {
    mod get;
}
mod evaluation {
    mod allocations;
    mod get;
    mod list;
}
mod every {
    mod blocking;
    mod conditional;
    mod errors;
    mod file;
    mod gzip;
    mod headers;
    mod links;
    mod methods;
    mod parameters;
    mod passwords;
    mod prefix;
    mod pretty;
    mod requests;
    mod tenants;
    mod texts;
    mod unknown;
}
mod job {
    mod allocations;
    mod delete;
    mod evaluations;
    mod get;
    mod list;
    mod pause;
    mod register {
        mod again;
        mod any_config;
        mod bodies;
        mod enforce_index;
        mod fields;
        mod keys;
        mod nomad_jobs;
        mod passwords;
        mod settings;
        mod values;
        mod warnings;
    }
    mod resume;
    mod update;
    mod validate;
}
mod node {
    mod allocations;
    mod evaluate;
    mod get;
    mod list;
}
mod not_found;
mod order {
    mod list;
    mod unsupported;
}
mod server {
    mod agent_self;
    mod force_leave;
    mod join;
    mod leader;
    mod managers;
    mod members;
    mod metrics;
    mod peers;
    mod raft;
    mod regions;
}
