//! An in-memory Nomad.
