//! How soon: what depends on the speed of the machine, and is therefore no part of
//! every run. `cargo test --release -p tests --test stress -- --ignored --test-threads=1`

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod bodies;
mod callers;
mod faults;
mod writes;
