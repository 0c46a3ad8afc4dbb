//! What goes into the log, and how it is written.
//!
//! `RUST_LOG` decides, on Lambda as on one machine. Two things are decided here
//! whatever it says. Libraries log at `info` and above only: below that they show
//! what they carry, the Lambda runtime whole events with tokens and passwords, the
//! SDK signed requests. And lines about writes stay when `RUST_LOG` asks for
//! warnings, since they are what an audit reads; `audit=off` takes them out.

use tracing::{Level, Metadata};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, filter};

use crate::observe::AUDIT;

/// Crates of this program's own.
const OWN: &[&str] = &[
    "dtle_api",
    "dtle_nomad",
    "dtle_outbound",
    "dtle_translate",
    "dtle_gateway",
    "local",
    AUDIT,
];

/// A layer that sees what `setting`, the value of `RUST_LOG`, asks for; `info`
/// without one, and for one that cannot be understood, about which a line is
/// written by [`check`].
pub fn filtered<S>(
    layer: impl Layer<S> + Send + Sync,
    setting: Option<&str>,
) -> impl Layer<S> + Send + Sync
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    let asked = setting.filter(|text| understood(text)).unwrap_or("info");
    // Of two directives for one target the later counts.
    let asked = EnvFilter::new(format!("{AUDIT}=info,{asked}"));
    layer
        .with_filter(asked)
        .with_filter(filter::filter_fn(may_be_logged))
}

fn understood(text: &str) -> bool {
    !text.trim().is_empty() && EnvFilter::try_new(text).is_ok()
}

fn may_be_logged(of: &Metadata<'_>) -> bool {
    let krate = of.target().split("::").next().unwrap_or_default();
    *of.level() <= Level::INFO || OWN.contains(&krate)
}

/// Says so in the log when `RUST_LOG` cannot be understood.
pub fn check(setting: Option<&str>) {
    if let Some(text) = setting
        && !text.trim().is_empty()
        && !understood(text)
    {
        tracing::warn!(RUST_LOG = text, "not understood, `info` is used");
    }
}

/// The log of a function: one JSON line an event, on standard output, where Lambda
/// collects it.
pub(crate) fn init() {
    let setting = std::env::var("RUST_LOG").ok();
    let layer = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_target(false)
        // Lambda stamps every line itself.
        .without_time();
    let log = tracing_subscriber::registry().with(filtered(layer, setting.as_deref()));
    #[cfg(feature = "xray")]
    let log = log.with(crate::trace::layer());
    let _ = log.try_init();
    check(setting.as_deref());
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What of these lines is written, without time and target.
    fn written(setting: Option<&str>) -> Vec<String> {
        let lines = Lines::default();
        let to = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .without_time()
            .with_target(false)
            .with_ansi(false)
            .with_writer(move || to.clone());
        let subscriber = tracing_subscriber::registry().with(filtered(layer, setting));
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "lambda_runtime::layers", "an event");
            tracing::debug!(target: "hyper::proto", "a head");
            tracing::info!(target: "lambda_runtime", "a library");
            tracing::debug!(target: "dtle_nomad::session", "own detail");
            tracing::info!(target: "dtle_api::observe", "request");
            tracing::info!(target: AUDIT, "write");
            tracing::warn!(target: "dtle_api::outbound::secrets", "warning");
        });
        let bytes = lines.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        let lines = text.lines().map(|line| line.trim().to_owned());
        lines.collect()
    }

    #[test]
    fn rust_log_is_obeyed_but_for_what_libraries_would_show() {
        let info = [
            "INFO a library",
            "INFO request",
            "INFO write",
            "WARN warning",
        ];
        assert_eq!(written(None), info);
        assert_eq!(written(Some("")), info);
        assert_eq!(written(Some("what=is=this")), info);
        assert_eq!(written(Some("warn")), ["INFO write", "WARN warning"]);
        assert_eq!(written(Some("warn,audit=off")), ["WARN warning"]);
        let all = [
            "INFO a library",
            "DEBUG own detail",
            "INFO request",
            "INFO write",
            "WARN warning",
        ];
        assert_eq!(written(Some("trace")), all);
        assert_eq!(
            written(Some("off,lambda_runtime=trace,audit=off")),
            ["INFO a library"]
        );
    }
}
