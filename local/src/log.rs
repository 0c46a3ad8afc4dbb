//! The log of the gateway on one machine: on standard error, where systemd and
//! containers collect it.

use std::io::IsTerminal;

use clap::ValueEnum;
use dtle_api::log::{check, filtered};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Sets the log up; `RUST_LOG` says what goes into it.
pub fn init(format: LogFormat) {
    let setting = std::env::var("RUST_LOG").ok();
    let layer = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry();
    let _ = match format {
        LogFormat::Text => registry
            .with(filtered(layer, setting.as_deref()))
            .try_init(),
        LogFormat::Json => registry
            .with(filtered(
                layer.json().flatten_event(true),
                setting.as_deref(),
            ))
            .try_init(),
    };
    check(setting.as_deref());
}
