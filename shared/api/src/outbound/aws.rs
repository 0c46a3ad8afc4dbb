//! AWS's SDK, as the functions use it: with what Lambda puts into the environment, and
//! over the HTTP client that is there anyway.
//!
//! The SDK's own chain of places to look for credentials would be twice the size of
//! everything else here, and of use to nobody: a gateway elsewhere has its settings at
//! hand.

use std::time::Duration;

use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::meta::region::ProvideRegion;
use aws_sdk_secretsmanager::config::Region;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use dtle_outbound::{Client, ClientError, Fault, Profile, Trust};
use lambda_http::http::{Request, Response};

// Without an endpoint or a NAT a call from a VPC hangs: say so soon.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a call may take.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an idle connection is kept: a function that was frozen wakes up with
/// connections that the other side has long forgotten.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer read, in bytes. A secret has 64 KiB at most, and travels as a
/// JSON string; an item of DynamoDB has 400 KB at most.
const LARGEST_ANSWER: usize = 1 << 20;

/// The region that the environment names.
pub async fn region() -> Option<Region> {
    EnvironmentVariableRegionProvider::new().region().await
}

/// The credentials in the environment.
#[must_use]
pub fn credentials() -> EnvironmentVariableCredentialsProvider {
    EnvironmentVariableCredentialsProvider::new()
}

/// Where a service is, if not where AWS has it: by the service's own variable, or by
/// that for all of them.
#[must_use]
pub fn endpoint(own: &str) -> Option<String> {
    let mut urls = [own, "AWS_ENDPOINT_URL"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok());
    urls.find(|url| !url.is_empty())
}

/// An error and what lies behind it. Not as the SDK itself would show it, which is
/// with the answer that it could not read: that may hold the secret.
#[must_use]
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The SDK's requests over the HTTP client that is there anyway: the SDK's own would
/// bring a second one, HTTP/2 and all, into every function.
#[derive(Clone, Debug)]
pub struct Http(Result<Client, String>);

/// The HTTP client for a service of AWS, with that many idle connections kept.
///
/// # Errors
/// When the TLS library cannot be set up.
pub fn client(idle: usize) -> Result<Client, ClientError> {
    Client::new(&Profile {
        connect: CONNECT_TIMEOUT,
        total: CALL_TIMEOUT,
        idle,
        idle_for: IDLE_TIMEOUT,
        largest: LARGEST_ANSWER,
        trust: Trust::System,
        identity: None,
    })
}

impl Default for Http {
    /// Without idle connections: calls come seldom, and one by one.
    fn default() -> Self {
        Self(client(0).map_err(|error| error.to_string()))
    }
}

impl Http {
    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let client = self.0.map_err(|text| ConnectorError::user(text.into()))?;
        let (parts, body) = request
            .try_into_http1x()
            .map_err(|error| ConnectorError::user(error.into()))?
            .into_parts();
        let body = body.bytes().unwrap_or_default().to_vec();
        let request = dtle_outbound::Request::try_from(Request::from_parts(parts, body))
            .map_err(|error| ConnectorError::user(error.into()))?;
        let answer = client.send(request).await.map_err(|fault| match fault {
            Fault::NotConnected(_) | Fault::Broken(_) => ConnectorError::io(fault.into()),
            Fault::TimedOut(_) => ConnectorError::timeout(fault.into()),
            // Asking again would bring the same.
            Fault::Redirected { .. } | Fault::TooLarge { .. } => ConnectorError::user(fault.into()),
        })?;
        let mut response = Response::builder().status(answer.status);
        if let Some(headers) = response.headers_mut() {
            *headers = answer.headers;
        }
        let response = response
            .body(answer.body.into())
            .map_err(|error| ConnectorError::user(error.into()))?;
        HttpResponse::try_from(response).map_err(|error| ConnectorError::user(error.into()))
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl HttpClient for Http {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
