//! A gateway serves one namespace and its own region; what is elsewhere does not
//! exist for a caller, and nothing of a caller's lands there.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "tenancy/namespaces.rs"]
mod namespaces;
#[path = "tenancy/regions.rs"]
mod regions;
