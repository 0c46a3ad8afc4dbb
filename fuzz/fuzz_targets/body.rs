//! The body of a create or update: a job or a fault in one line, and a job is
//! written for both generations of the plugin and read back.
#![no_main]

use dtle_translate::policy::JobPolicy;
use dtle_translate::body::{Body, parse};
use dtle_translate::register::{Registration, document};
use dtle_translate::status::recorded;
use dtle_translate::{JobView, Layout, job};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let spec = match parse(bytes) {
        Ok(Body::Job(spec)) => spec,
        Ok(Body::NomadJob { .. }) => return,
        Err(error) => {
            let line = error.to_string();
            assert!(!line.is_empty() && !line.contains('\n'));
            return;
        }
    };
    for layout in [Layout::Split, Layout::Merged] {
        let written = document(Registration {
            spec: &spec,
            id: spec.id.as_deref().unwrap_or("x"),
            region: Some("global"),
            layout,
            policy: &JobPolicy::default(),
            existing: None,
            paused: false,
        });
        let read = serde_json::from_value(Value::Object(written)).expect("a Nomad job");
        let shown = job::to_v2(&JobView::new(&read), &recorded(&read));
        serde_json::to_string(&shown).expect("JSON");
    }
});
