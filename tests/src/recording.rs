//! The exchanges that were taken from the real programs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::Value;

/// The release whose answers are the contract.
pub const DTLE_2: &str = "dtle-2.19.11.1";

/// One recorded exchange.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The file's name, without `.json`.
    pub name: String,
    /// The request's method.
    pub method: String,
    /// The request's path and query.
    pub target: String,
    /// The request's headers.
    pub request_headers: Vec<(String, String)>,
    /// The request's body; empty for none.
    pub request_body: Vec<u8>,
    /// The answer's status.
    pub status: u16,
    /// The answer's headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The answer's JSON; `None` for a text.
    pub json: Option<Value>,
    /// The answer's text; of JSON, none.
    pub text: String,
}

impl Recording {
    /// An answer's header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// The answer's JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> &Value {
        let json = self.json.as_ref();
        json.unwrap_or_else(|| panic!("{} is no JSON: {:?}", self.name, self.text))
    }

    /// The request's JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn request_json(&self) -> Value {
        serde_json::from_slice(&self.request_body)
            .unwrap_or_else(|error| panic!("{}'s request: {error}", self.name))
    }

    /// The answer's body, JSON written compactly.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        match &self.json {
            Some(json) => json.to_string().into_bytes(),
            None => self.text.clone().into_bytes(),
        }
    }
}

/// Reads a recording, by its name without `.json`.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn recording(system: &str, name: &str) -> Recording {
    let all = all(system);
    let found = all.iter().find(|recording| recording.name == name);
    found
        .unwrap_or_else(|| panic!("no recording {name} of {system}"))
        .clone()
}

/// All recordings of a system, in their order.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn all(system: &str) -> Arc<Vec<Recording>> {
    static READ: LazyLock<Mutex<HashMap<String, Arc<Vec<Recording>>>>> =
        LazyLock::new(Mutex::default);
    let mut known = READ.lock().unwrap();
    let all = known
        .entry(system.to_owned())
        .or_insert_with(|| Arc::new(read_all(system)));
    Arc::clone(all)
}

fn read_all(system: &str) -> Vec<Recording> {
    let entries = std::fs::read_dir(directory(system)).expect("a directory of recordings");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    // The texts of metrics stand beside the exchanges.
    files.retain(|file| file.extension().is_some_and(|kind| kind == "json"));
    files.sort();
    assert!(!files.is_empty(), "no recordings of {system}");
    files.iter().map(|file| read(file)).collect()
}

fn directory(system: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("recordings")
        .join(system)
}

fn read(file: &Path) -> Recording {
    let text = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let exchange: Value = serde_json::from_slice(&text).expect("a recording is JSON");
    let (request, response) = (&exchange["request"], &exchange["response"]);
    let headers = |side: &Value| -> Vec<(String, String)> {
        let headers = side.get("headers").and_then(Value::as_object);
        headers
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect()
    };
    let text_of = |side: &Value| side["text"].as_str().unwrap_or_default().to_owned();
    Recording {
        name: file.file_stem().unwrap().to_string_lossy().into_owned(),
        method: request["method"].as_str().unwrap().to_owned(),
        target: request["path"].as_str().unwrap().to_owned(),
        request_headers: headers(request),
        request_body: match request.get("json") {
            Some(json) => json.to_string().into_bytes(),
            None => text_of(request).into_bytes(),
        },
        status: u16::try_from(response["status"].as_u64().unwrap()).unwrap(),
        headers: headers(response)
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect(),
        json: response.get("json").cloned(),
        text: text_of(response),
    }
}
