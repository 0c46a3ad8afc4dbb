//! Secrets out of AWS Secrets Manager: loaded when first needed, kept, renewed.
//!
//! Three goals pull against each other. A start must be quick, so nothing of the
//! SDK runs unless a `…_SECRET` variable names a secret. A secret that was rotated
//! must take effect, so a value is asked for again after five minutes, and at once
//! when it was refused. And Secrets Manager being away must not stop a gateway that
//! runs, so an old value goes on being used for an hour, with a warning.
//!
//! Time is the wall clock: the monotonic one can stand still while Lambda keeps a
//! function frozen, and an hour-old secret would look new.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use dtle_outbound::Secret;
use serde::Deserialize;
use tokio::sync::{Mutex, OnceCell};

use super::aws;

/// How long a value is used without asking again.
const FRESH_FOR: Duration = Duration::from_secs(300);
/// How long a value is used while Secrets Manager cannot be asked.
const STALE_FOR: Duration = Duration::from_secs(3600);
/// The pause after a failure during which an old value is used without asking.
const PAUSE: Duration = Duration::from_secs(30);
/// A value this young is not asked for again because it was refused: a wrong
/// secret must not turn every request into a call.
const YOUNG: Duration = Duration::from_secs(10);

/// Why there is no secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager could not be reached, or refused.
    #[error(
        "cannot read the secret {arn}: {cause} (in a VPC: is there an endpoint for Secrets Manager, or a NAT?)"
    )]
    Unavailable {
        /// Which secret.
        arn: String,
        /// What the SDK said.
        cause: String,
    },
    /// There is one, but it is not what it should be.
    #[error("the secret {arn} {fault}")]
    Unusable {
        /// Which secret.
        arn: String,
        /// What is wrong with it; nothing of its content.
        fault: &'static str,
    },
}

type Loading = Pin<Box<dyn Future<Output = Result<Secret, SecretError>> + Send>>;

/// One secret, loaded when first needed.
pub struct Source {
    arn: String,
    load: Box<dyn Fn() -> Loading + Send + Sync>,
    /// Locked while loading, so that requests that come together ask once.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: Option<(Secret, SystemTime)>,
    failed: Option<SystemTime>,
}

impl Source {
    /// A secret that comes from somewhere else than Secrets Manager: tests.
    pub fn from_loader<F>(
        arn: impl Into<String>,
        load: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Secret, SecretError>> + Send + 'static,
    {
        Self {
            arn: arn.into(),
            load: Box::new(move || Box::pin(load())),
            state: Mutex::default(),
        }
    }

    /// Its ARN, for messages.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The value, at most five minutes old while Secrets Manager answers.
    ///
    /// # Errors
    /// When there is no value yet, or only one of over an hour ago, and Secrets
    /// Manager gives none.
    pub async fn get(&self) -> Result<Secret, SecretError> {
        self.get_at(SystemTime::now()).await
    }

    /// Asks again, because `refused` was refused. `None` when there is no other
    /// value, so that trying again would be in vain.
    ///
    /// # Errors
    /// When Secrets Manager gives none.
    pub async fn refresh(&self, refused: &Secret) -> Result<Option<Secret>, SecretError> {
        self.refresh_at(refused, SystemTime::now()).await
    }

    async fn get_at(&self, now: SystemTime) -> Result<Secret, SecretError> {
        let mut state = self.state.lock().await;
        let Some((value, loaded)) = &state.known else {
            return self.load_into(&mut state, now).await;
        };
        let age = age(*loaded, now);
        let paused = state.failed.is_some_and(|at| self::age(at, now) < PAUSE);
        if age < FRESH_FOR || (paused && age < STALE_FOR) {
            return Ok(value.clone());
        }
        let old = value.clone();
        match self.load_into(&mut state, now).await {
            Err(error) if age < STALE_FOR => {
                tracing::warn!(
                    cause = error.to_string(),
                    "going on with the secret of before"
                );
                Ok(old)
            }
            other => other,
        }
    }

    async fn refresh_at(
        &self,
        refused: &Secret,
        now: SystemTime,
    ) -> Result<Option<Secret>, SecretError> {
        let mut state = self.state.lock().await;
        if let Some((value, loaded)) = &state.known {
            if value != refused {
                // Somebody else was refused and has asked.
                return Ok(Some(value.clone()));
            }
            if age(*loaded, now) < YOUNG {
                return Ok(None);
            }
        }
        let value = self.load_into(&mut state, now).await?;
        Ok((value != *refused).then_some(value))
    }

    async fn load_into(&self, state: &mut State, now: SystemTime) -> Result<Secret, SecretError> {
        let result = (self.load)().await;
        match &result {
            Ok(value) => {
                *state = State {
                    known: Some((value.clone(), now)),
                    failed: None,
                };
            }
            Err(_) => state.failed = Some(now),
        }
        result
    }
}

/// A clock that was set back makes everything old, never young for ever.
fn age(since: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(since).unwrap_or(Duration::MAX)
}

/// Secrets Manager. Nothing is set up before the first secret is asked for.
#[derive(Clone, Default)]
pub struct Manager {
    client: Arc<OnceCell<Client>>,
}

impl Manager {
    /// A secret by its ARN.
    #[must_use]
    pub fn source(&self, arn: &str) -> Source {
        let (manager, arn) = (self.clone(), arn.to_owned());
        Source::from_loader(arn.clone(), move || {
            let (manager, arn) = (manager.clone(), arn.clone());
            async move { manager.load(arn).await }
        })
    }

    async fn load(&self, arn: String) -> Result<Secret, SecretError> {
        let client = self.client.get_or_init(connect).await;
        let answer = client.get_secret_value().secret_id(&arn).send().await;
        match answer {
            // The answer is never printed: it holds the secret.
            Ok(answer) => match answer.secret_string {
                Some(text) => Ok(Secret::new(text)),
                None => Err(SecretError::Unusable {
                    arn,
                    fault: "is binary, not text",
                }),
            },
            Err(error) => Err(SecretError::Unavailable {
                arn,
                cause: aws::causes(&error),
            }),
        }
    }
}

async fn connect() -> Client {
    let timeouts = TimeoutConfig::builder()
        .operation_timeout(aws::CALL_TIMEOUT)
        .build();
    let mut config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(aws::region().await)
        .credentials_provider(aws::credentials())
        // It is asked every five minutes: a kept connection would be dead.
        .http_client(aws::Http::default())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(2));
    config.set_endpoint_url(aws::endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER"));
    Client::from_conf(config.build())
}

/// The secrets that a function was told of.
#[derive(Default)]
pub struct Sources {
    /// `NOMAD_TOKEN_SECRET`: see [`token_of`].
    pub nomad_token: Option<Source>,
    /// `NOMAD_TLS_SECRET`: see [`TlsMaterial`].
    pub nomad_tls: Option<Source>,
    /// `CONSUL_HTTP_TOKEN_SECRET`: see [`token_of`].
    pub consul_token: Option<Source>,
    /// `DTLE_TOKENS_SECRET`: see [`crate::authorizer`].
    pub caller_tokens: Option<Source>,
}

impl Sources {
    /// Reads the process environment.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads the names of secrets from anywhere; an empty one counts as absent.
    #[must_use]
    pub fn from_lookup(lookup: impl Fn(&'static str) -> Option<String>) -> Self {
        let manager = Manager::default();
        let source = |name| {
            let arn = lookup(name).filter(|arn| !arn.trim().is_empty())?;
            Some(manager.source(arn.trim()))
        };
        Self {
            nomad_token: source("NOMAD_TOKEN_SECRET"),
            nomad_tls: source("NOMAD_TLS_SECRET"),
            consul_token: source("CONSUL_HTTP_TOKEN_SECRET"),
            caller_tokens: source("DTLE_TOKENS_SECRET"),
        }
    }
}

/// The token in a secret: the text itself, or `{"token": "…"}` as Secrets Manager's
/// console makes it, or what `nomad acl token create -json` prints.
///
/// # Errors
/// When it is neither.
pub fn token_of(source: &Source, secret: &Secret) -> Result<Secret, SecretError> {
    token_in(secret.expose()).ok_or_else(|| SecretError::Unusable {
        arn: source.arn().to_owned(),
        fault: r#"is neither a token nor {"token": "…"}"#,
    })
}

/// The token in a text of one of the forms that [`token_of`] takes.
#[must_use]
pub fn token_in(text: &str) -> Option<Secret> {
    #[derive(Deserialize)]
    struct Document {
        #[serde(alias = "SecretID")]
        token: String,
    }
    let text = text.trim();
    let token = if text.starts_with('{') {
        serde_json::from_str(text).map_or(String::new(), |document: Document| document.token)
    } else {
        text.to_owned()
    };
    let odd = |c: char| c.is_whitespace() || c.is_control();
    (!token.is_empty() && !token.contains(odd)).then(|| Secret::new(token))
}

/// TLS material for Nomad, as PEM texts: `{"ca": "…", "cert": "…", "key": "…"}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsMaterial {
    /// Certificates of the authority that signed Nomad's.
    pub ca: Option<Secret>,
    /// The client certificate, with its chain.
    pub cert: Option<Secret>,
    /// Its key.
    pub key: Option<Secret>,
}

impl TlsMaterial {
    /// Reads a secret.
    ///
    /// # Errors
    /// When it is not such a document, or has a certificate without its key.
    pub fn of(source: &Source, secret: &Secret) -> Result<Self, SecretError> {
        #[derive(Deserialize)]
        struct Document {
            ca: Option<String>,
            cert: Option<String>,
            key: Option<String>,
        }
        let unusable = |fault| SecretError::Unusable {
            arn: source.arn().to_owned(),
            fault,
        };
        let document: Document = serde_json::from_str(secret.expose())
            .map_err(|_| unusable(r#"is not {"ca": "…", "cert": "…", "key": "…"}"#))?;
        let pem = |text: Option<String>| match text.filter(|text| !text.trim().is_empty()) {
            Some(text) if !text.contains("-----BEGIN") => {
                Err(unusable("holds something that is not PEM"))
            }
            other => Ok(other.map(Secret::new)),
        };
        let material = Self {
            ca: pem(document.ca)?,
            cert: pem(document.cert)?,
            key: pem(document.key)?,
        };
        if material.cert.is_some() != material.key.is_some() {
            return Err(unusable(
                "has a certificate without its key, or a key alone",
            ));
        }
        Ok(material)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Lock;

    use super::*;

    /// A source that gives these answers in turn, and counts how often it is asked.
    fn scripted(answers: &[Option<&str>]) -> (Source, Arc<Lock<usize>>) {
        let answers: Vec<_> = answers.iter().map(|a| a.map(Secret::new)).collect();
        let asked = Arc::new(Lock::new(0));
        let count = Arc::clone(&asked);
        let source = Source::from_loader("arn", move || {
            let mut count = count.lock().unwrap();
            let answer = answers[*count].clone();
            *count += 1;
            async move {
                answer.ok_or(SecretError::Unavailable {
                    arn: "arn".to_owned(),
                    cause: "away".to_owned(),
                })
            }
        });
        (source, asked)
    }

    fn after(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    #[tokio::test]
    async fn a_value_is_kept_for_five_minutes() {
        let (source, asked) = scripted(&[Some("one"), Some("two")]);
        for (second, expected) in [(0, "one"), (299, "one"), (300, "two"), (599, "two")] {
            let value = source.get_at(after(second)).await.unwrap();
            assert_eq!(value.expose(), expected, "after {second} s");
        }
        assert_eq!(*asked.lock().unwrap(), 2);
    }

    #[tokio::test]
    async fn an_old_value_serves_while_secrets_manager_is_away_but_not_for_ever() {
        let (source, asked) = scripted(&[Some("one"), None, None, None, Some("two")]);
        assert!(source.get_at(after(0)).await.is_ok());
        assert_eq!(source.get_at(after(400)).await.unwrap().expose(), "one");
        // It is not asked at every request meanwhile.
        assert_eq!(source.get_at(after(410)).await.unwrap().expose(), "one");
        assert_eq!(*asked.lock().unwrap(), 2);
        assert_eq!(source.get_at(after(431)).await.unwrap().expose(), "one");
        assert!(source.get_at(after(3600)).await.is_err());
        assert_eq!(source.get_at(after(3601)).await.unwrap().expose(), "two");
    }

    #[tokio::test]
    async fn without_a_value_a_failure_is_one_and_the_next_request_asks_again() {
        let (source, _) = scripted(&[None, Some("one")]);
        let error = source.get_at(after(0)).await.unwrap_err().to_string();
        assert!(
            error.contains("arn") && error.contains("endpoint"),
            "{error}"
        );
        assert_eq!(source.get_at(after(1)).await.unwrap().expose(), "one");
    }

    #[tokio::test]
    async fn a_refused_value_is_asked_for_again_once() {
        let (source, asked) = scripted(&[Some("one"), Some("one"), Some("two")]);
        let one = source.get_at(after(0)).await.unwrap();
        // Just loaded: asking again would give the same.
        assert_eq!(source.refresh_at(&one, after(5)).await.unwrap(), None);
        assert_eq!(*asked.lock().unwrap(), 1);
        assert_eq!(source.refresh_at(&one, after(60)).await.unwrap(), None);
        assert_eq!(source.refresh_at(&one, after(65)).await.unwrap(), None);
        assert_eq!(*asked.lock().unwrap(), 2);
        let two = source.refresh_at(&one, after(80)).await.unwrap().unwrap();
        assert_eq!(two.expose(), "two");
        // Another request that was refused with the old one gets the new one.
        assert_eq!(source.refresh_at(&one, after(81)).await.unwrap(), Some(two));
        assert_eq!(*asked.lock().unwrap(), 3);
    }

    #[tokio::test]
    async fn requests_that_come_together_ask_once() {
        let (source, asked) = scripted(&[Some("one")]);
        let (a, b, c) = tokio::join!(source.get(), source.get(), source.get());
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        assert_eq!(*asked.lock().unwrap(), 1);
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_does_not_keep_a_value_for_ever() {
        let (source, _) = scripted(&[Some("one"), Some("two")]);
        assert!(source.get_at(after(1_000)).await.is_ok());
        assert_eq!(source.get_at(after(0)).await.unwrap().expose(), "two");
    }

    #[test]
    fn a_token_comes_alone_or_in_json() {
        let (source, _) = scripted(&[]);
        for text in [
            "t-1",
            " t-1\n",
            r#"{"token":"t-1"}"#,
            r#"{"AccessorID":"a","SecretID":"t-1"}"#,
        ] {
            let token = token_of(&source, &Secret::new(text)).unwrap();
            assert_eq!(token.expose(), "t-1", "{text}");
        }
        for text in [
            "",
            "{}",
            r#"{"token":""}"#,
            r#"{"token":7}"#,
            "a b",
            "{hush",
        ] {
            let error = token_of(&source, &Secret::new(text)).unwrap_err();
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }

    #[test]
    fn tls_material_is_whole_or_refused_without_a_word_of_it() {
        let (source, _) = scripted(&[]);
        let read = |text: &str| TlsMaterial::of(&source, &Secret::new(text));
        let pem = "-----BEGIN X-----";
        let whole = read(&format!(r#"{{"ca":"{pem}","cert":"{pem}","key":"{pem}"}}"#)).unwrap();
        assert!(whole.ca.is_some() && whole.cert.is_some() && whole.key.is_some());
        assert!(read(&format!(r#"{{"ca":"{pem}"}}"#)).unwrap().key.is_none());
        for text in [
            "hush",
            r#"{"ca":"hush"}"#,
            &format!(r#"{{"key":"{pem} hush"}}"#),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn nothing_is_set_up_when_no_secret_is_named() {
        let sources = Sources::from_lookup(|name| (name == "NOMAD_TLS_SECRET").then(|| " ".into()));
        assert!(sources.nomad_token.is_none() && sources.nomad_tls.is_none());
        let sources =
            Sources::from_lookup(|name| (name == "NOMAD_TOKEN_SECRET").then(|| "a".into()));
        assert_eq!(sources.nomad_token.unwrap().arn(), "a");
    }
}
