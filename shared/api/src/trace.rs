//! Traces: a span for each request and for each call to Nomad, sent to the X-Ray daemon
//! that Lambda runs beside a function.
//!
//! This is compiled in by the feature `xray` only, and does something only where
//! `DTLE_TRACING` is `true`. The spans themselves are `tracing`'s, under a target of
//! their own, and cost nothing while nobody looks at that.

use tracing::Span;

/// The target of spans that are traced, which no log shows.
#[cfg(feature = "xray")]
const TARGET: &str = dtle_nomad::TRACE;

/// A layer that sends spans to X-Ray, if that is asked for.
#[cfg(feature = "xray")]
pub(crate) fn layer<S>() -> Option<impl tracing_subscriber::Layer<S>>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_aws::xray_exporter::XrayExporter;
    use opentelemetry_aws::xray_exporter::daemon_client::XrayDaemonClient;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::{Layer, filter};

    let variable = |name| std::env::var(name).ok();
    if variable("DTLE_TRACING").as_deref() != Some("true") {
        return None;
    }
    let daemon = variable("AWS_XRAY_DAEMON_ADDRESS")?.parse().ok()?;
    let exporter = XrayExporter::new(XrayDaemonClient::new(daemon).ok()?);
    // Each span leaves when it ends: what a batch would hold back, a freeze could keep.
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter)
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("dtle"))
        .with_location(false)
        .with_threads(false);
    Some(layer.with_filter(filter::filter_fn(|of| of.target() == TARGET)))
}

/// The span of a request, below the one that Lambda says it is part of
/// (`Root=…;Parent=…;Sampled=1`).
#[cfg(feature = "xray")]
pub(crate) fn request(route: &'static str, part_of: Option<&str>) -> Span {
    use opentelemetry::propagation::{Extractor, TextMapPropagator};
    use opentelemetry_aws::trace::XrayPropagator;
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    struct Header<'a>(&'a str);

    impl Extractor for Header<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            key.eq_ignore_ascii_case("x-amzn-trace-id")
                .then_some(self.0)
        }

        fn keys(&self) -> Vec<&str> {
            vec!["x-amzn-trace-id"]
        }
    }

    let span = tracing::trace_span!(target: TARGET, "request", otel.name = route);
    if let Some(header) = part_of {
        // A span that nobody looks at takes no parent.
        let _ = span.set_parent(XrayPropagator::default().extract(&Header(header)));
    }
    span
}

/// Without the feature there is none.
#[cfg(not(feature = "xray"))]
pub(crate) fn request(_: &'static str, _: Option<&str>) -> Span {
    Span::none()
}

/// The ID of the trace in Lambda's word on it, for the log.
#[must_use]
pub(crate) fn id(part_of: &str) -> Option<&str> {
    let mut parts = part_of.split(';');
    parts.find_map(|part| part.trim().strip_prefix("Root="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_trace_is_its_root() {
        let root = "1-5bef4de7-ad49b0e87f6ef6c87fc2e700";
        for text in [
            format!("Root={root};Parent=9a9197af755a6419;Sampled=1"),
            format!("Self=1-1-1; Root={root}"),
        ] {
            assert_eq!(id(&text), Some(root));
        }
        for text in ["", "Parent=1", "root=1"] {
            assert_eq!(id(text), None);
        }
    }
}
