//! Which path of Nomad's API is answered where.

use std::sync::Arc;

use hyper::Method;
use serde_json::json;

use crate::call::{Answer, Call, Gate, Outcome};
use crate::json::text;
use crate::shared::Shared;
use crate::state::State;
use crate::{routes_agent, routes_job, routes_list, routes_object};

/// Answers a request.
pub(crate) async fn answer(call: &Call<'_>) -> Answer {
    let Some(path) = call.path.strip_prefix("/v1/") else {
        return Answer::empty(404);
    };
    let outcome = match other_region(call, path) {
        None => dispatch(call, path).await,
        Some(other) => {
            other.requests.add(call.method.as_str(), &call.path);
            let forwarded = Call {
                shared: &other,
                query: call.query.clone().with("region", &other.region),
                ..call.clone()
            };
            dispatch(&forwarded, path).await
        }
    };
    outcome.unwrap_or_else(|error| error)
}

/// The other region that a request is for, if its servers are known: the query's,
/// or for a register without one the job's. `global` in a job means the agent's
/// own region.
fn other_region(call: &Call<'_>, path: &str) -> Option<Arc<Shared>> {
    // What the agent answers by itself.
    if path == "regions" || path.starts_with("agent/") {
        return None;
    }
    let registers = call.writes() && (path == "jobs" || path.starts_with("job/"));
    let region = match call.query.given("region") {
        Some(region) => region.to_owned(),
        None if registers => {
            let (job, _) = routes_job::sent(call, None).ok()?;
            let region = text(&job, "Region");
            (region != "global").then(|| region.to_owned())?
        }
        None => return None,
    };
    let others = call.shared.others();
    others.into_iter().find(|other| other.region == region)
}

async fn dispatch(call: &Call<'_>, path: &str) -> Outcome {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let (second, third) = rest.split_once('/').unwrap_or((rest, ""));
    match (first, second, third) {
        ("jobs", "", "") if call.writes() => routes_job::register(call, None).await,
        ("jobs", "", "") => routes_list::jobs(call).await,
        ("job", _, _) => routes_job::job(call, rest).await,
        ("validate", "job", "") => routes_job::validate(call),
        ("allocations", "", "") => routes_list::allocations(call).await,
        ("evaluations", "", "") => routes_list::evaluations(call).await,
        ("nodes", "", "") => routes_list::nodes(call).await,
        ("deployments", "", "") => routes_list::deployments(call).await,
        ("allocation", id, "") => routes_object::allocation(call, id).await,
        ("evaluation", id, part) => routes_object::evaluation(call, id, part).await,
        ("node", id, part) => routes_object::node(call, id, part).await,
        ("deployment", id, "") => routes_object::deployment(call, id).await,
        ("client", "allocation", rest) => routes_object::client_allocation(call, rest),
        ("status", "leader", "") => status(call, |rpc| json!(rpc)),
        ("status", "peers", "") => status(call, |rpc| json!([rpc])),
        ("regions", "", "") => {
            call.only(call.method == Method::GET)?;
            let others = call.shared.others();
            let mut names: Vec<&str> = others.iter().map(|other| other.region.as_str()).collect();
            names.push(&call.shared.region);
            names.sort_unstable();
            Ok(Answer::json(&json!(names)))
        }
        ("namespaces", "", "") => {
            call.read(Gate::Servers)?;
            Ok(call.locked(|state| {
                let each = |name| json!({"Name": name, "Description": ""});
                Answer::json(&state.namespaces.iter().map(each).collect())
            }))
        }
        ("namespace", name, "") => {
            call.write(Gate::Servers)?;
            call.locked(|state| state.namespaces.insert(name.to_owned()));
            Ok(Answer::empty(200))
        }
        ("acl", "token", "self") => call.token_self(),
        ("system", "gc", "") => {
            call.write(Gate::Servers)?;
            call.locked(State::collect_garbage);
            Ok(Answer::empty(200))
        }
        ("operator", "raft", "configuration") => routes_agent::raft_configuration(call),
        ("operator", "raft", "peer") => routes_agent::raft_peer(call),
        ("agent", what, "") => routes_agent::agent(call, what),
        ("allocation", ..) => Err(Answer::text(404, "resource not found")),
        _ => Err(Answer::empty(404)),
    }
}

fn status(call: &Call<'_>, what: impl Fn(&str) -> serde_json::Value) -> Outcome {
    // It takes `wait` and `index`, and does not wait.
    call.blocking(Gate::Open)?;
    Ok(call.locked(|state| Answer::json(&what(&state.agent.rpc))))
}
