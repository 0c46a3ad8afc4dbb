//! What is remembered of nodes.

use super::memo::Memo;

/// The HTTP addresses of nodes, each with the node's ModifyIndex: while that stays the
/// same, so does the address.
pub struct Addresses(pub Memo<(u64, String)>);

impl Default for Addresses {
    fn default() -> Self {
        Self(Memo::new(10_000))
    }
}
