//! The two calls to DynamoDB that are needed here, signed by AWS's own crate and sent by
//! the HTTP client that is there anyway. AWS's client of DynamoDB would make the function
//! a quarter larger, and take it over the size that it may have.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use dtle_api::outbound::aws;
use dtle_outbound::{Answer, Client, Fault, HeaderValue, Method, secret_header};
use serde_json::Value;

/// How long one call may take, with its second attempt: less than asking the task.
const CALL: Duration = Duration::from_millis(1_500);
/// The version of DynamoDB's API, in the header that names an operation.
const API: &str = "DynamoDB_20120810";
const CONTENT: &str = "application/x-amz-json-1.0";

/// Why a call did nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The condition of a put was not met.
    Condition,
    /// Everything else, for the log.
    Other(String),
}

/// A client of DynamoDB.
pub(crate) struct Dynamo {
    http: Client,
    endpoint: String,
    region: String,
}

impl Dynamo {
    /// A client for the region and the endpoint that the environment names.
    pub(crate) async fn new() -> Result<Self, String> {
        let region = aws::region().await.ok_or("AWS_REGION is not set")?;
        let region = region.as_ref().to_owned();
        let own = aws::endpoint("AWS_ENDPOINT_URL_DYNAMODB");
        let endpoint = own.unwrap_or_else(|| public_endpoint(&region));
        // Two or three calls come one after the other.
        let http = aws::client(1);
        Ok(Self {
            http: http.map_err(|error| error.to_string())?,
            endpoint,
            region,
        })
    }

    /// Makes a call, and once more when the first attempt met a connection that was
    /// dead, a server that failed, or a limit.
    pub(crate) async fn call(&self, operation: &str, body: &Value) -> Result<Value, CallError> {
        let body = body.to_string();
        let attempts = async {
            match self.attempt(operation, &body).await {
                Err((_, true)) => self.attempt(operation, &body).await,
                other => other,
            }
        };
        let done = tokio::time::timeout(CALL, attempts).await;
        let done = done.map_err(|_| CallError::Other("timed out".to_owned()))?;
        done.map_err(|(error, _)| error)
    }

    /// One attempt. With an error stands whether another attempt makes sense.
    async fn attempt(&self, operation: &str, body: &str) -> Result<Value, (CallError, bool)> {
        let hopeless = |cause: String| (CallError::Other(cause), false);
        let target = format!("{API}.{operation}");
        let request = self.http.request(Method::POST, &self.endpoint);
        let mut request = request.map_err(|fault| hopeless(fault.to_string()))?;
        let credentials = aws::credentials().provide_credentials().await;
        let credentials = credentials.map_err(|error| hopeless(aws::causes(&error)))?;
        let place = (self.endpoint.as_str(), self.region.as_str());
        let signed = signed(place, credentials, SystemTime::now(), &target, body);
        let signed = signed.map_err(hopeless)?;
        let headers = request.headers_mut();
        headers.insert("Content-Type", HeaderValue::from_static(CONTENT));
        for (name, value) in signed.into_iter().chain([("x-amz-target", target)]) {
            let value = secret_header(&value).map_err(|fault| hopeless(fault.to_string()))?;
            headers.insert(name, value);
        }
        *request.body_mut() = Some(body.to_owned().into());
        let answer = self.http.send(request).await.map_err(|fault| {
            let again = matches!(fault, Fault::NotConnected(_) | Fault::Broken(_));
            (CallError::Other(fault.to_string()), again)
        })?;
        read(&answer)
    }
}

/// The headers that sign a request to an endpoint of a region.
fn signed(
    (endpoint, region): (&str, &str),
    credentials: Credentials,
    time: SystemTime,
    target: &str,
    body: &str,
) -> Result<Vec<(&'static str, String)>, String> {
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("dynamodb")
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| aws::causes(&error))?
        .into();
    let headers = [("content-type", CONTENT), ("x-amz-target", target)];
    let body = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new("POST", endpoint, headers.into_iter(), body);
    let request = request.map_err(|error| aws::causes(&error))?;
    let signed = sign(request, &params).map_err(|error| aws::causes(&error))?;
    let (headers, _) = signed.into_parts().0.into_parts();
    let headers = headers.into_iter();
    Ok(headers
        .map(|header| (header.name(), header.value().to_owned()))
        .collect())
}

/// Where AWS has DynamoDB in a region.
fn public_endpoint(region: &str) -> String {
    let end = match region.starts_with("cn-") {
        true => "amazonaws.com.cn",
        false => "amazonaws.com",
    };
    format!("https://dynamodb.{region}.{end}/")
}

/// What an answer says: its body, or the name of the error in it.
fn read(answer: &Answer) -> Result<Value, (CallError, bool)> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status.is_success() {
        return Ok(body);
    }
    // `com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException`
    let kind = body.get("__type").and_then(Value::as_str);
    let kind = kind.and_then(|kind| kind.rsplit('#').next());
    let kind = kind.unwrap_or("no error that can be read");
    if kind == "ConditionalCheckFailedException" {
        return Err((CallError::Condition, false));
    }
    let is_limit = kind.contains("Throttl")
        || matches!(
            kind,
            "ProvisionedThroughputExceededException" | "RequestLimitExceeded"
        );
    let again = answer.status.is_server_error() || is_limit;
    let cause = format!("{}: {kind}", answer.status.as_u16());
    Err((CallError::Other(cause), again))
}

#[cfg(test)]
mod tests {
    use dtle_outbound::{HeaderMap, StatusCode};

    use super::*;

    fn said(status: u16, body: &'static str) -> Result<Value, (CallError, bool)> {
        read(&Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
        })
    }

    #[test]
    fn an_error_is_known_by_its_name_and_tried_again_if_it_passes() {
        let kind = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"m"}"#;
        assert_eq!(said(400, kind), Err((CallError::Condition, false)));
        let other = |text: &str| CallError::Other(text.to_owned());
        let kind = r#"{"__type":"com.amazon.coral.availability#ThrottlingException"}"#;
        let error = other("400: ThrottlingException");
        assert_eq!(said(400, kind), Err((error, true)));
        let kind = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}"#;
        let error = other("400: ResourceNotFoundException");
        assert_eq!(said(400, kind), Err((error, false)));
        let error = other("503: no error that can be read");
        assert_eq!(said(503, "<html>"), Err((error, true)));
        assert_eq!(said(200, "{}"), Ok(serde_json::json!({})));
    }

    /// The signatures are botocore's for the same request.
    #[test]
    fn a_request_is_signed_as_aws_checks_it() {
        let place = (&*public_endpoint("eu-central-1"), "eu-central-1");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_680_000);
        let (key, secret) = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        for (token, signature) in [
            (
                None,
                "bb364d3ab33175d4ac9a5e26aeada0edf884819981e7c3b2539bb1cde330c828",
            ),
            (
                Some("a-token".to_owned()),
                "6a80c389b69b01f1856ba08e7327fef150bdee7ef9991a7d16a0f98fd615be07",
            ),
        ] {
            let credentials = Credentials::new(key, secret, token, None, "test");
            let target = "DynamoDB_20120810.GetItem";
            let body = r#"{"TableName":"samples"}"#;
            let headers = signed(place, credentials, time, target, body).unwrap();
            let header = |name| headers.iter().find(|(known, _)| *known == name);
            assert_eq!(header("x-amz-date").unwrap().1, "20261126T080000Z");
            let authorization = &header("authorization").unwrap().1;
            assert!(authorization.ends_with(signature), "{authorization}");
        }
    }

    #[test]
    fn china_has_an_end_of_its_own() {
        assert_eq!(
            public_endpoint("eu-central-1"),
            "https://dynamodb.eu-central-1.amazonaws.com/"
        );
        assert_eq!(
            public_endpoint("cn-north-1"),
            "https://dynamodb.cn-north-1.amazonaws.com.cn/"
        );
    }
}
