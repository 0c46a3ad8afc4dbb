//! The console: one page, put together from the files in `console/`, and the page that
//! shows the OpenAPI document.
//!
//! A page loads nothing: style and script stand in it. The script's modules are written
//! one after the other into one module, their imports left out, so that they need no
//! address of their own and no program to bundle them. The Content-Security-Policy names
//! the hashes of what stands in the page and forbids everything else, `innerHTML`
//! included (Trusted Types).

use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

macro_rules! file {
    ($name:expr) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../console/",
            $name
        ))
    };
}

macro_rules! modules {
    ($($name:literal,)*) => {
        &[$(($name, file!(concat!("src/", $name, ".js"))),)*]
    };
}

/// The script's modules. Each may import those that stand before it.
const MODULES: &[(&str, &str)] = modules![
    "dom", "texts", "gtid", "json", "api", "state", "model", "history", "parts", "jobs", "draft",
    "job", "edit", "cluster", "frame", "dialogs", "poll", "write", "main",
];

/// The page's words, by language.
const TEXTS: &[(&str, &str)] = &[
    ("en", file!("texts/en.json")),
    ("zh", file!("texts/zh.json")),
];

/// Something that is the same for everybody, and holds no data of the cluster.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// What is shown.
    pub body: String,
    /// Its Content-Type.
    pub kind: &'static str,
    /// Its Content-Security-Policy; none for what is no page.
    pub policy: Option<String>,
}

static CONSOLE: LazyLock<Page> = LazyLock::new(|| {
    let page = file!("page.html")
        .replace("{{style}}", file!("style.css"))
        .replace("{{script}}", &script());
    html(page, "img-src data:")
});

static DOCS: LazyLock<Page> =
    LazyLock::new(|| html(file!("docs.html").to_owned(), "img-src data:"));

static DOCUMENT: LazyLock<Page> = LazyLock::new(|| Page {
    body: file!("../openapi.json").to_owned(),
    kind: "application/json",
    policy: None,
});

/// What stands at a path: `/`, `/docs` or `/openapi.json`.
#[must_use]
pub fn page(path: &str) -> Option<&'static Page> {
    match path {
        "/" => Some(&CONSOLE),
        "/docs" => Some(&DOCS),
        "/openapi.json" => Some(&DOCUMENT),
        _ => None,
    }
}

fn html(body: String, also: &str) -> Page {
    let hashes = |tag| {
        let mut list = String::new();
        for text in inside(&body, tag) {
            let hash = STANDARD.encode(digest(&SHA256, text.as_bytes()));
            // Writing to a String does not fail.
            let _ = write!(list, " 'sha256-{hash}'");
        }
        list
    };
    let policy = format!(
        "default-src 'none'; script-src{}; style-src{}; connect-src 'self'; {also}; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hashes("script"),
        hashes("style"),
    );
    Page {
        body,
        kind: "text/html; charset=utf-8",
        policy: Some(policy),
    }
}

/// The text inside each element of a kind that holds no other.
fn inside<'a>(page: &'a str, tag: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
    let elements = page.split(&open).skip(1);
    elements
        .filter_map(|rest| {
            let (_, rest) = rest.split_once('>')?;
            rest.split_once(&close).map(|(text, _)| text)
        })
        .collect()
}

/// The modules as one, with the words in their place.
fn script() -> String {
    let mut script = String::new();
    for (_, module) in MODULES {
        for line in module.lines().filter(|line| !line.starts_with("import ")) {
            script.push_str(line.strip_prefix("export ").unwrap_or(line));
            script.push('\n');
        }
    }
    let texts: Vec<String> = TEXTS
        .iter()
        .map(|(language, texts)| format!("{language}: {}", texts.trim_end()))
        .collect();
    script.replace("\"{{texts}}\"", &format!("{{{}}}", texts.join(", ")))
}

#[cfg(test)]
mod tests;
