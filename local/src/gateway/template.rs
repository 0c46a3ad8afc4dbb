//! The routes of the SAM template, and how an HTTP API chooses among them.

use std::cmp::Reverse;
use std::collections::HashMap;

use lambda_http::http::Method;
use percent_encoding::percent_decode_str;
use serde_norway::Value;

/// The template that this program was built with.
const BUILT_IN: &str = include_str!("../../../template.yaml");

/// Why a template cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// It is not YAML.
    #[error("the template is not YAML: {0}")]
    Yaml(#[from] serde_norway::Error),
    /// It has no functions with routes.
    #[error("the template has no function with an HttpApi event")]
    NoRoutes,
    /// A function lacks the name of its binary.
    #[error("{function}: Metadata.BuildProperties.Binary is missing")]
    NoBinary {
        /// The function's name in the template.
        function: String,
    },
    /// It names a function that is none of ours.
    #[error("the template names the function `{function}`, which does not exist")]
    UnknownFunction {
        /// The name of the binary.
        function: String,
    },
}

/// A route of the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiRoute {
    /// As API Gateway calls it: `GET /v1/job/{id}`, `$default`.
    pub key: String,
    /// The method, `ANY` for all of them.
    pub method: String,
    /// The path, `$default` for all of them.
    pub path: String,
    /// The binary of the function behind it.
    pub function: String,
}

/// The routes of a template.
#[derive(Clone, Debug)]
pub struct Template {
    routes: Vec<ApiRoute>,
    /// The path of each, cut up once.
    patterns: Vec<Vec<Part>>,
}

/// A segment of a route's path.
#[derive(Clone, Debug)]
enum Part {
    Fixed(String),
    /// `{name}`: any text but an empty one.
    Named(String),
}

impl Part {
    fn of(segment: &str) -> Self {
        let name = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
        name.map_or_else(
            || Self::Fixed(segment.to_owned()),
            |name| Self::Named(name.to_owned()),
        )
    }

    fn takes(&self, segment: &str) -> bool {
        match self {
            Self::Fixed(fixed) => fixed == segment,
            Self::Named(_) => !segment.is_empty(),
        }
    }
}

impl Template {
    /// The template that this program was built with.
    ///
    /// # Errors
    /// None, as tests see to.
    pub fn built_in() -> Result<Self, TemplateError> {
        Self::parse(BUILT_IN)
    }

    /// Reads a SAM template.
    ///
    /// # Errors
    /// When it has no routes, or a function does not say which binary it is.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let template: Value = serde_norway::from_str(text)?;
        let mut routes = Vec::new();
        let resources = template.get("Resources").and_then(Value::as_mapping);
        for (name, resource) in resources.into_iter().flatten() {
            if text_of(resource, &["Type"]) != Some("AWS::Serverless::Function") {
                continue;
            }
            // What is there only when a parameter asks for it: preflights, which the
            // gateway answers by itself.
            if resource.get("Condition").is_some() {
                continue;
            }
            let binary = text_of(resource, &["Metadata", "BuildProperties", "Binary"]);
            let events = at(resource, &["Properties", "Events"]).and_then(Value::as_mapping);
            for event in events.into_iter().flatten().map(|(_, event)| event) {
                if text_of(event, &["Type"]) != Some("HttpApi") {
                    continue;
                }
                let path = text_of(event, &["Properties", "Path"]).unwrap_or("$default");
                let method = text_of(event, &["Properties", "Method"]).unwrap_or("ANY");
                let method = method.to_ascii_uppercase();
                let function = binary.ok_or_else(|| TemplateError::NoBinary {
                    function: name.as_str().unwrap_or_default().to_owned(),
                })?;
                routes.push(ApiRoute {
                    key: match path {
                        "$default" => path.to_owned(),
                        _ => format!("{method} {path}"),
                    },
                    method: if method == "$DEFAULT" {
                        "ANY".to_owned()
                    } else {
                        method
                    },
                    path: path.to_owned(),
                    function: function.to_owned(),
                });
            }
        }
        if routes.is_empty() {
            return Err(TemplateError::NoRoutes);
        }
        // The most specific first: where fixed segments stand, then a method of
        // its own before ANY; $default is last by itself, it has no segments.
        routes.sort_by_key(|route| {
            let fixed: Vec<bool> = route
                .path
                .split('/')
                .map(|part| !part.starts_with('{'))
                .collect();
            (
                route.path == "$default",
                Reverse(fixed),
                route.method == "ANY",
            )
        });
        let patterns = routes
            .iter()
            .map(|route| route.path.split('/').map(Part::of).collect())
            .collect();
        Ok(Self { routes, patterns })
    }

    /// All routes, the most specific first.
    #[must_use]
    pub fn routes(&self) -> &[ApiRoute] {
        &self.routes
    }

    /// The route of a request, with its decoded path parameters.
    #[must_use]
    pub fn route(
        &self,
        method: &Method,
        path: &str,
    ) -> Option<(&ApiRoute, HashMap<String, String>)> {
        let segments: Vec<&str> = path.split('/').collect();
        let takes = |pattern: &[Part]| {
            pattern.len() == segments.len()
                && pattern.iter().zip(&segments).all(|(part, s)| part.takes(s))
        };
        let mut all = self.routes.iter().zip(&self.patterns);
        let (route, pattern) = all.find(|(route, pattern)| {
            let method = route.method == "ANY" || route.method == method.as_str();
            route.path == "$default" || (method && takes(pattern))
        })?;
        let values = pattern.iter().zip(&segments);
        let values = values.filter_map(|(part, segment)| match part {
            Part::Named(name) => {
                let value = percent_decode_str(segment).decode_utf8_lossy();
                Some((name.clone(), value.into_owned()))
            }
            Part::Fixed(_) => None,
        });
        Some((route, values.collect()))
    }
}

fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(*key))
}

fn text_of<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(value, path).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "
Resources:
  Table: {Type: AWS::DynamoDB::Table}
  Get:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: job-get}}
    Properties:
      MemorySize: !Ref Memory
      Events:
        A: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: '/v1/job/{id}', Method: get}}
  Info:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: info}}
    Properties:
      Events:
        A: {Type: HttpApi, Properties: {Path: /v1/job/info, Method: ANY}}
  Sometimes:
    Type: AWS::Serverless::Function
    Condition: Asked
    Metadata: {BuildProperties: {Binary: info}}
    Properties:
      Events:
        A: {Type: HttpApi, Properties: {Path: /v1/job/x, Method: POST}}
  Else:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: not-found}}
    Properties:
      Events:
        A: {Type: HttpApi, Properties: {Path: $default, Method: ANY}}
";

    fn function(method: &str, path: &str) -> (String, Option<String>) {
        let template = Template::parse(TEMPLATE).unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let (route, mut values) = template.route(&method, path).unwrap();
        (route.function.clone(), values.remove("id"))
    }

    #[test]
    fn the_most_specific_route_is_chosen() {
        assert_eq!(function("GET", "/v1/job/info"), ("info".into(), None));
        assert_eq!(
            function("GET", "/v1/job/a%20b"),
            ("job-get".into(), Some("a b".into()))
        );
        for (method, path) in [
            ("POST", "/v1/job/x"),
            ("GET", "/v1/job/"),
            ("GET", "/v1/job/x/y"),
            ("GET", "/"),
        ] {
            assert_eq!(
                function(method, path),
                ("not-found".into(), None),
                "{method} {path}"
            );
        }
    }

    #[test]
    fn a_template_without_routes_is_refused() {
        assert!(matches!(
            Template::parse("Resources: {}"),
            Err(TemplateError::NoRoutes)
        ));
        assert!(matches!(
            Template::parse("a: [b"),
            Err(TemplateError::Yaml(_))
        ));
    }
}
