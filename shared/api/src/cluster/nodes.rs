//! What is remembered of nodes.

use moka::future::Cache;

/// The HTTP addresses of nodes, each with the node's ModifyIndex: while that stays the
/// same, so does the address.
pub struct Addresses(pub Cache<String, (u64, String)>);

impl Default for Addresses {
    fn default() -> Self {
        Self(Cache::new(10_000))
    }
}
