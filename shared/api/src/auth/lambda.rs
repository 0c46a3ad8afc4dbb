//! The Lambda authorizer: asks [`decide`](super::decide) about each request that API
//! Gateway has no remembered decision for.

use std::collections::HashMap;
use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

use dtle_outbound::Secret;
use lambda_http::lambda_runtime;
use lambda_http::{LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

use super::decide::{Callers, Decision, authorize};
use super::tokens::Tokens;
use crate::observe::{Kind, Subject, UNKNOWN};
use crate::outbound::secrets::{Source, Sources};

/// What API Gateway asks, as far as the answer depends on it (payload 2.0).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Question {
    route_key: String,
    #[serde(default)]
    headers: Authorization,
    /// For the log alone.
    #[serde(default)]
    path_parameters: Option<HashMap<String, String>>,
    /// For the log alone.
    #[serde(default)]
    request_context: QuestionContext,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct QuestionContext {
    request_id: Option<String>,
}

impl Question {
    /// What the request is about.
    fn subject(&self) -> Option<Subject> {
        let (_, path) = self.route_key.split_once(' ')?;
        Subject::of_path(path, self.path_parameters.as_ref()?.get("id")?)
    }
}

/// The Authorization header, found without regard to case; never printed.
#[derive(Default, Deserialize)]
#[serde(from = "HashMap<String, Option<String>>")]
pub(super) struct Authorization(Option<Secret>);

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers")
    }
}

impl From<HashMap<String, Option<String>>> for Authorization {
    fn from(headers: HashMap<String, Option<String>>) -> Self {
        let mut values = headers
            .into_iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .filter_map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) => Self(Some(Secret::new(value))),
            // None, or two that differ in case: neither is chosen.
            _ => Self(None),
        }
    }
}

/// Where the authorizer has its callers from.
pub(super) enum Origin {
    Fixed(Callers),
    Secret(Source),
}

/// The authorizer of one process.
pub(super) struct Authorizer {
    pub(super) origin: Origin,
    pub(super) passwords_masked: bool,
}

impl Authorizer {
    pub(super) fn from_lookup(
        lookup: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, lambda_http::Error> {
        let get = |name| lookup(name).filter(|value: &String| !value.trim().is_empty());
        let passwords_masked = get("DTLE_MASK_PASSWORDS").as_deref() == Some("everywhere");
        let open = match get("DTLE_OPEN_ACCESS").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            // Guessing here would be guessing who gets in.
            Some(_) => return Err("DTLE_OPEN_ACCESS: neither `true` nor `false`".into()),
        };
        let origin = if open {
            Origin::Fixed(Callers::Everyone)
        } else if let Some(source) = Sources::from_lookup(&lookup).caller_tokens {
            Origin::Secret(source)
        } else if let Some(setting) = get("DTLE_TOKENS") {
            Origin::Fixed(Callers::WithToken(Tokens::load(&setting)?))
        } else {
            return Err("nobody could call: set DTLE_TOKENS_SECRET or DTLE_TOKENS".into());
        };
        Ok(Self {
            origin,
            passwords_masked,
        })
    }

    pub(super) async fn answer(&self, question: Question) -> Result<Value, lambda_http::Error> {
        // Of the route, not of the request: see the top of this file.
        let (method, path) = question
            .route_key
            .split_once(' ')
            .unwrap_or(("ANY", &question.route_key));
        let header = question.headers.0.as_ref().map(Secret::expose);
        let decision = match &self.origin {
            Origin::Fixed(callers) => {
                authorize(callers, self.passwords_masked, method, path, header)
            }
            Origin::Secret(source) => {
                let secret = source.get().await?;
                let callers = Callers::WithToken(Tokens::parse(secret.expose())?);
                authorize(&callers, self.passwords_masked, method, path, header)
            }
        };
        let route = &question.route_key;
        let request_id = question.request_context.request_id.as_deref();
        let subject = question.subject();
        let id_of = |kind| subject.as_ref().and_then(|subject| subject.id_of(kind));
        let (job, node) = (id_of(Kind::Job), id_of(Kind::Node));
        Ok(match decision {
            Decision::Allowed { caller } => {
                tracing::info!(request_id, route, job, node, caller, "allowed");
                json!({"isAuthorized": true, "context": {"caller": caller}})
            }
            Decision::Forbidden { caller } => {
                let cause = "the token may only read";
                tracing::warn!(request_id, route, job, node, caller, cause, "refused");
                json!({"isAuthorized": false, "context": {"caller": caller}})
            }
            Decision::Unknown => {
                let (caller, cause) = (UNKNOWN, "no token that is known");
                tracing::warn!(request_id, route, job, node, caller, cause, "refused");
                json!({"isAuthorized": false})
            }
        })
    }
}

/// Runs the authorizer until Lambda ends the process.
#[must_use]
pub fn run() -> ExitCode {
    crate::log::init();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(route = "authorizer", "cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

pub(super) fn start() -> Result<(), lambda_http::Error> {
    let authorizer = Arc::new(Authorizer::from_lookup(|name| std::env::var(name).ok())?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(lambda_runtime::run(service_fn(
        move |event: LambdaEvent<Question>| {
            let authorizer = Arc::clone(&authorizer);
            async move {
                let answer = authorizer.answer(event.payload).await;
                // API Gateway makes a 500 of it, and puts the text into its own log
                // as it stands: one without a quote, which would break that line.
                answer.map_err(|error| {
                    tracing::error!("cannot decide: {error}");
                    lambda_http::Error::from("cannot decide, see the log of the authorizer")
                })
            }
        },
    )))
}
