//! The console in a real browser: Debian's chromium, by its driver, over the gateway
//! with an in-memory Nomad, or over canned answers where it is about what an answer
//! could hold.
//!
//! ```sh
//! apt-get install chromium chromium-driver
//! pip install --no-deps axe-playwright-python     # for its axe.min.js
//! AXE_JS=…/axe.min.js cargo test -p tests --test console -- --ignored
//! ```

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets something odd should stop and say so"
)]

mod browser;
mod canned;
mod house;

mod accessible;
mod changes;
mod editor;
mod hostile;
mod languages;
mod looks;
mod lost;
mod quiet;
mod screenshots;
mod tokens;
