//! Who may call: runs before every route.

use std::process::ExitCode;

fn main() -> ExitCode {
    dtle_api::auth::run()
}
