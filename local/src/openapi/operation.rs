//! An operation of the document, made from a route and what is said of it.

use dtle_api::document::{Answer, Body, Doc, Headers, Id, Query, Shape, Source};
use dtle_api::route::Route;
use dtle_api::routes::PUBLIC;
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

/// The operation of one method on one path.
pub(super) fn operation(
    route: &Route,
    method: &str,
    path: &str,
    types: &mut SchemaGenerator,
) -> Value {
    let doc = &route.doc;
    let mut operation = json!({
        "operationId": operation_id(route, method, path),
        "tags": [doc.tag],
        "summary": doc.summary,
        "parameters": parameters(doc, path),
        "responses": responses(doc, types),
    });
    if PUBLIC.contains(&path) {
        operation["security"] = json!([]);
    }
    let mut put = |name: &str, value: Value| {
        if let Some(fields) = operation.as_object_mut() {
            fields.insert(name.to_owned(), value);
        }
    };
    if !doc.text.is_empty() {
        put("description", json!(doc.text));
    }
    if let Some(body) = doc.body {
        put("requestBody", request_body(body));
    }
    operation
}

/// The function's name; what makes it unique follows where a function has
/// several methods or paths.
fn operation_id(route: &Route, method: &str, path: &str) -> String {
    let mut id = route.function.to_owned();
    if let Some(position @ 1..) = route.paths.iter().position(|other| *other == path) {
        id.push_str(&format!("-{}", position + 1));
    }
    if route.methods.len() > 1 {
        id.push_str(&format!("-{}", method.to_ascii_lowercase()));
    }
    id
}

fn parameters(doc: &Doc, path: &str) -> Vec<Value> {
    let id = doc.id.filter(|_| path.contains("{id}"));
    let mut parameters: Vec<Value> = id.map(path_parameter).into_iter().collect();
    parameters.extend(
        doc.query
            .iter()
            .flat_map(|query| names_of(*query))
            .map(|name| json!({"$ref": format!("#/components/parameters/{name}")})),
    );
    if !matches!(doc.answer, Answer::Page) {
        parameters.push(json!({"$ref": "#/components/parameters/pretty"}));
    }
    if matches!(doc.headers, Headers::Read | Headers::Jobs) {
        parameters.push(json!({"$ref": "#/components/parameters/If-None-Match"}));
    }
    parameters
}

fn names_of(query: Query) -> &'static [&'static str] {
    match query {
        Query::Blocking => &["index", "wait", "stale"],
        Query::Prefix => &["prefix"],
        Query::Region => &["region"],
        Query::All => &["all"],
        Query::Task => &["task"],
        Query::Forget => &["forget"],
        Query::Fresh => &["fresh"],
        Query::Paused => &["paused"],
        Query::Progress => &["progress"],
        Query::Address => &["peer-address"],
        Query::Addresses => &["address"],
        Query::PeerId => &["peer-id"],
        Query::Node => &["node"],
    }
}

fn path_parameter(id: Id) -> Value {
    let uuid = |whose| {
        json!({
            "name": "id", "in": "path", "required": true,
            "description": format!("The ID of the {whose}, whole. One that is no UUID is 404."),
            "schema": {"type": "string", "format": "uuid"},
        })
    };
    match id {
        Id::Job => json!({
            "name": "id", "in": "path", "required": true,
            "description": "The ID of the job; upper and lower case differ. Jobs that others registered may have IDs with characters that this API does not allow in a create: percent-encode them. One that holds a `/` is not addressable.",
            "schema": {"type": "string", "minLength": 1},
        }),
        Id::Allocation => uuid("allocation"),
        Id::Evaluation => uuid("evaluation"),
        Id::Node => uuid("node"),
        Id::Order => json!({
            "name": "id", "in": "path", "required": true,
            "description": "The ID of the order.",
            "schema": {"type": "string", "minLength": 1},
        }),
    }
}

/// The parameters by the names that [`names_of`] gives them.
pub(super) fn all_parameters() -> Value {
    let query = |name: &str, schema: Value, description: &str| json!({"name": name, "in": "query", "description": description, "schema": schema});
    let mut parameters = json!({
        "pretty": query("pretty", json!({"type": "string"}),
            "Indents the answer by four spaces and ends it with a newline: present and empty, or anything but `0`."),
        "index": query("index", json!({"type": "integer", "format": "uint64", "minimum": 0, "maximum": u64::MAX}),
            "Waits until what is asked for has an index above this one. X-Udup-Index of the last answer is what to send. An answer that nothing happened for comes when `wait`, or the gateway's own time, is up."),
        "wait": query("wait", json!({"type": "string", "pattern": r"^[-+]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$"}),
            "How long to wait at most, with `index`: a Go duration such as `30s` or `1m30s`. Checked without `index` too, and before it. The gateway answers before API Gateway gives up, at 30 seconds, whatever stands here."),
        "stale": query("stale", json!({"type": "string"}),
            "Lets any server answer, not the leader only: present, with any value."),
        "prefix": query("prefix", json!({"type": "string"}),
            "Only what has an ID that begins so: any length, hyphens and all."),
        "region": query("region", json!({"type": "string"}),
            "The region to ask: the gateway's own, or one that it is set to serve. Any other is 500 `No path to region`, as one that Nomad does not know. On writes of jobs it is the job's region, too."),
        "all": query("all", json!({"type": "boolean"}),
            "Also the allocations of earlier jobs of the same ID, as Nomad still has them. `1`, `t`, `T`, `true`, `TRUE`, `True` are true, all else is false."),
        "task": query("task", json!({"type": "string"}),
            "Only this task: `Src` or `Dest`."),
        "forget": query("forget", json!({"type": "boolean"}),
            "Removes the progress in Consul too, so that it does not override the Gtid of a job made again under the ID. What a MySQL destination holds of the job, in `dtle.gtid_executed_v4`, stays, and makes such a job skip the transactions in there: `dtle-gateway forget` removes it, as X-Dtle-Warning says. The gateway has to know Consul. Not in 2.x. Read as `all` is."),
        "fresh": query("fresh", json!({"type": "boolean"}),
            "Refuses the job with 400 where progress is stored under its ID, which would override the job's own Gtid. The gateway has to know Consul. Not in 2.x. Read as `all` is."),
        "paused": query("paused", json!({"type": "boolean"}),
            "Registers the job paused: its tasks start with a resume, and those of a job that runs stop. Its Status is `pause`. Not in 2.x. Read as `all` is."),
        "progress": query("progress", json!({"type": "boolean"}),
            "Adds `Progress` to each job: what the plugin has stored in Consul of the GTIDs applied, and from 4.x on of the full copy. Not in 2.x. Read as `all` is."),
        "node": query("node", json!({"type": "string", "minLength": 1}),
            "The name of the server."),
        "address": query("address", json!({"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}),
            "`ip:port`; can be repeated."),
        "peer-address": query("address", json!({"type": "string"}),
            "`ip:port` of the server."),
        "peer-id": query("id", json!({"type": "string"}),
            "The server's ID in Raft."),
    });
    parameters["If-None-Match"] = json!({
        "name": "If-None-Match", "in": "header",
        "description": "The ETag of an answer that the caller has; several with commas between. While the answer is the same, it is 304 without a body. Not in 2.x.",
        "schema": {"type": "string"},
        "example": "W/\"0123456789abcdef\"",
    });
    for name in ["pretty", "stale"] {
        parameters[name]["allowEmptyValue"] = json!(true);
    }
    for name in ["node", "address"] {
        parameters[name]["required"] = json!(true);
    }
    for (name, example) in [("index", json!(0)), ("wait", json!("30s"))] {
        parameters[name]["example"] = example;
    }
    parameters
}

fn request_body(body: Body) -> Value {
    let (schema, examples) = match body {
        Body::Job => (
            "JobBody",
            json!({"job": {"$ref": "#/components/examples/job"}}),
        ),
        Body::JobInAnyForm => (
            "AnyJobBody",
            json!({
                "job": {"$ref": "#/components/examples/job"},
                "wrapped": {"$ref": "#/components/examples/wrapped"},
                "nomad": {"$ref": "#/components/examples/nomad"},
            }),
        ),
    };
    json!({
        "required": true,
        "description": "Read as JSON whatever its Content-Type, a byte-order mark skipped; at most 4 MiB. Names of fields match without regard to case.",
        "content": {"application/json": {
            "schema": {"$ref": format!("#/components/schemas/{schema}")},
            "examples": examples,
        }},
    })
}

fn responses(doc: &Doc, types: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    let mut put = |status: &str, response: Value| {
        responses.insert(status.to_owned(), response);
    };
    let shared = |name: &str| json!({"$ref": format!("#/components/responses/{name}")});
    let asks = doc.source == Source::Nomad;

    match doc.answer {
        Answer::Json(Shape(schema)) => put(
            "200",
            json!({
                "description": "Done.",
                "headers": headers(doc.headers, true),
                "content": {"application/json": {"schema": schema(types)}},
            }),
        ),
        Answer::Text => put(
            "200",
            json!({
                "description": "Done.",
                "headers": headers(doc.headers, true),
                "content": {"text/plain": {"schema": {"type": "string"}}},
            }),
        ),
        Answer::Page => put(
            "200",
            json!({
                "description": "A page, or the document.",
                "headers": headers(doc.headers, true),
                "content": {
                    "text/html": {"schema": {"type": "string"}},
                    "application/json": {"schema": {"type": "object"}},
                },
            }),
        ),
        Answer::Empty => put(
            "200",
            json!({"description": "Done; no body.", "headers": headers(doc.headers, true)}),
        ),
        Answer::Nothing => {}
    }
    if matches!(doc.headers, Headers::Read | Headers::Jobs) {
        let headers = headers(doc.headers, true);
        put(
            "304",
            json!({"description": "The caller has the answer already; no body.", "headers": headers}),
        );
    }
    if asks {
        let blocking = doc.query.iter().any(|q| matches!(q, Query::Blocking));
        let bad = match (doc.bad, blocking) {
            ([], true) => shared("BadRead"),
            ([], false) => shared("BadRequest"),
            (own, _) => bad_request(own),
        };
        put("400", bad);
        let refused = match doc.refused {
            [] => shared("Refused"),
            own => refused(own),
        };
        put("500", refused);
        put("502", shared("BadGateway"));
    } else {
        put("500", shared("FunctionFailed"));
    }
    if !doc.missing.is_empty() {
        let own = match doc.headers {
            Headers::Read | Headers::Jobs => Headers::Read,
            Headers::None
            | Headers::Write
            | Headers::Registration
            | Headers::Warnings
            | Headers::Deletion => Headers::None,
        };
        put("404", text("There is none.", doc.missing, own));
    }
    if !doc.unsupported.is_empty() {
        put(
            "501",
            text("There is no counterpart.", doc.unsupported, Headers::None),
        );
    }
    if !matches!(doc.answer, Answer::Page) {
        put("401", shared("Unauthorized"));
        put("403", shared(if asks { "Forbidden" } else { "NotYou" }));
    }
    put("413", shared("TooLarge"));
    put("429", shared("TooMany"));
    put("503", shared("Unavailable"));
    Value::Object(responses)
}

fn headers(headers: Headers, always: bool) -> Value {
    let header = |name: &str| json!({"$ref": format!("#/components/headers/{name}")});
    let suffix = if always { "" } else { "-of-404" };
    let index = |name: &str| header(&format!("{name}{suffix}"));
    match headers {
        Headers::None => json!({"Vary": header("Vary")}),
        Headers::Write => json!({"Vary": header("Vary"), "X-Udup-Index": index("X-Udup-Index")}),
        Headers::Warnings if always => json!({
            "Vary": header("Vary"),
            "X-Dtle-Warning": header("X-Dtle-Warning"),
        }),
        Headers::Warnings => json!({"Vary": header("Vary")}),
        Headers::Registration => json!({
            "Vary": header("Vary"),
            "Location": header("Location"),
            "X-Udup-Index": index("X-Udup-Index"),
            "X-Dtle-Warning": header("X-Dtle-Warning"),
        }),
        Headers::Deletion => json!({
            "Vary": header("Vary"),
            "X-Udup-Index": index("X-Udup-Index"),
            "X-Dtle-Warning": header("X-Dtle-Warning"),
        }),
        Headers::Jobs if always => json!({
            "ETag": header("ETag"),
            "Vary": header("Vary"),
            "X-Udup-Index": index("X-Udup-Index"),
            "X-Udup-KnownLeader": index("X-Udup-KnownLeader"),
            "X-Udup-LastContact": index("X-Udup-LastContact"),
            "X-Dtle-Warning": header("X-Dtle-Warning"),
        }),
        Headers::Read if always => json!({
            "ETag": header("ETag"),
            "Vary": header("Vary"),
            "X-Udup-Index": index("X-Udup-Index"),
            "X-Udup-KnownLeader": index("X-Udup-KnownLeader"),
            "X-Udup-LastContact": index("X-Udup-LastContact"),
        }),
        Headers::Read | Headers::Jobs => json!({
            "Vary": header("Vary"),
            "X-Udup-Index": index("X-Udup-Index"),
            "X-Udup-KnownLeader": index("X-Udup-KnownLeader"),
            "X-Udup-LastContact": index("X-Udup-LastContact"),
        }),
    }
}

fn bad_request(own: &[&str]) -> Value {
    let texts = [own, &["Nomad refused the request: …"]].concat();
    text("The request is at fault.", &texts, Headers::None)
}

fn refused(own: &[&str]) -> Value {
    let texts = [own, &["No path to region", "No cluster leader"]].concat();
    let mut answer = text(
        "The cluster refuses, in its own words; or a function of the deployed API failed, in API Gateway's (JSON).",
        &texts,
        Headers::None,
    );
    answer["headers"]["Retry-After"] = json!({"$ref": "#/components/headers/Retry-After"});
    answer["content"]["application/json"] = gateway_message("Internal Server Error");
    answer
}

/// An answer that is a message alone.
fn text(description: &str, examples: &[&str], own: Headers) -> Value {
    let examples: Map<String, Value> = examples
        .iter()
        .enumerate()
        .map(|(position, text)| ((position + 1).to_string(), json!({"value": text})))
        .collect();
    json!({
        "description": description,
        "headers": headers(own, false),
        "content": {"text/plain": {"schema": {"type": "string"}, "examples": examples}},
    })
}

/// What API Gateway itself says.
fn gateway_message(example: &str) -> Value {
    json!({
        "schema": {"$ref": "#/components/schemas/GatewayMessage"},
        "example": {"message": example},
    })
}

/// The answers that many routes share.
pub(super) fn all_responses() -> Value {
    let own = Headers::None;
    let gateway = |description: &str, example: &str| {
        json!({
            "description": description,
            "content": {"application/json": gateway_message(example)},
        })
    };
    let not_you = |description: &str, words: &str, example: &str| {
        let mut answer = text(description, &[words], Headers::None);
        // Neither has asked the API, which says Vary.
        answer["headers"] = json!({});
        answer["content"]["application/json"] = gateway_message(example);
        answer
    };
    let mut forbidden = text(
        "Nomad refused the gateway's own token; or, where callers need a token, the caller's token is not one that may use the route (JSON).",
        &[
            "Nomad refused the gateway's own token (ACL token not found): Nomad does not know it (deleted, or another cluster's); the caller's credentials are not the cause",
        ],
        own,
    );
    forbidden["content"]["application/json"] = gateway_message("Forbidden");
    json!({
        "BadRequest": bad_request(&[]),
        "BadRead": bad_request(&["Invalid wait time", "Invalid index"]),
        "Refused": refused(&[]),
        "BadGateway": text(
            "Nomad cannot be reached, did not answer in time, or sent what cannot be read.",
            &["Nomad is unreachable", "Nomad did not answer in time", "Nomad sent an answer that cannot be read",
              "Nomad did not confirm the change; it may or may not have been made: read before repeating it"],
            own,
        ),
        "Forbidden": forbidden,
        "TooLarge": text(
            "The body is larger than 4 MiB, or, on Lambda, the answer larger than it can carry.",
            &["the body has 4194305 bytes, at most 4194304 are taken",
              "the answer is larger than Lambda can carry (6 MB): ask for a part of it with ?prefix=, or for gzip with Accept-Encoding"],
            own,
        ),
        "InvalidMethod": text(
            "The path is there, the method is not. Any path may answer it.",
            &["Invalid method"],
            own,
        ),
        "NoSuchPage": text(
            "There is no such path; the text ends with a newline. Below /v1/agent/allocation/ it is `resource not found`, without one.",
            &["404 page not found\n", "resource not found"],
            own,
        ),
        "FunctionFailed": gateway("Of the deployed API: a function failed.", "Internal Server Error"),
        "NotYou": not_you(
            "Where callers need a token: theirs is not one that may use the route. API Gateway says so in JSON, and to an unknown token, too.",
            "this token may only read, and not what shows passwords", "Forbidden",
        ),
        "Unauthorized": not_you(
            "Where callers need a token: there is none, or an unknown one. API Gateway says so in JSON, when there is no Authorization header.",
            "a token is needed, as Authorization: Bearer TOKEN or as the password of HTTP Basic", "Unauthorized",
        ),
        "TooMany": gateway("Of the deployed API: more requests than the stage lets through.", "Too Many Requests"),
        "Unavailable": gateway("Of the deployed API: a function took longer than API Gateway waits, or all of them are busy.", "Service Unavailable"),
    })
}

/// The headers of answers.
pub(super) fn all_headers() -> Value {
    let header = |required: bool, schema: &Value, description: &str| json!({"required": required, "description": description, "schema": schema});
    let index = json!({"type": "integer", "format": "uint64", "minimum": 0});
    let mut headers = json!({
        "Vary": header(true, &json!({"type": "string", "const": "Accept-Encoding"}),
            "Always: an answer of 1,400 bytes or more comes as gzip when that is asked for."),
        "X-Dtle-Warning": header(false, &json!({"type": "string"}),
            "What the caller should know or still has to do; there may be several. Of a create or update: keys that do nothing, tables that are added to a job that has run, another job that writes the same tables, an ID that was made up. Of a read: that Consul does not answer. Of a delete with `forget=true`: that the destination still holds what it applied of the job, and the command that removes it."),
        "ETag": header(true, &json!({"type": "string"}),
            "What tells this answer from another one, for If-None-Match. Not in 2.x."),
        "Location": header(false, &json!({"type": "string"}),
            "Of a create: the path of the job."),
        "Retry-After": header(false, &json!({"type": "integer"}), "Seconds; with `No cluster leader` only."),
    });
    for (name, schema, description) in [
        (
            "X-Udup-Index",
            index.clone(),
            "Raft index: of a list, of the object read (its ModifyIndex), or of the write.",
        ),
        (
            "X-Udup-KnownLeader",
            json!({"type": "boolean"}),
            "Whether the server that answered knows a leader.",
        ),
        (
            "X-Udup-LastContact",
            index,
            "Milliseconds since the server that answered heard from the leader.",
        ),
    ] {
        headers[name] = header(true, &schema, description);
        let rare = format!("{description} Missing where Nomad was not asked.");
        headers[format!("{name}-of-404")] = header(false, &schema, &rare);
    }
    headers
}
