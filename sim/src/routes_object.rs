//! What there is of one allocation, evaluation or node.

use serde_json::{Map, Value, json};

use crate::call::{Answer, Call, Gate, Outcome, check_id};
use crate::json::find;
use crate::options::Era;
use crate::state::State;
use crate::timers::TaskId;
use crate::{documents, go, routes_job};

pub(crate) async fn allocation(call: &Call<'_>, id: &str) -> Outcome {
    let blocking = call.blocking(Gate::Servers)?;
    let id = check_id(id, "alloc")?;
    let look = |state: &mut State| match state.allocs.get(&id) {
        None => Answer::text(404, "alloc not found").read(state.tables.allocs),
        Some(alloc) => Answer::json(&documents::alloc(state, alloc)).read(alloc.modify_index),
    };
    Ok(call.look(blocking, look).await)
}

pub(crate) async fn evaluation(call: &Call<'_>, id: &str, part: &str) -> Outcome {
    let blocking = call.blocking(Gate::Servers)?;
    match part {
        "" => {
            let id = check_id(id, "eval")?;
            let look = |state: &mut State| match state.evals.get(&id) {
                None => Answer::text(404, "eval not found").read(state.tables.evals),
                Some(eval) => Answer::json(&documents::eval(eval)).read(eval.modify_index),
            };
            Ok(call.look(blocking, look).await)
        }
        "allocations" => {
            let id = check_id(id, "alloc")?;
            let look = |state: &mut State| {
                let made = state.allocs.values_mut().filter(|alloc| alloc.eval == id);
                let items = made.map(|alloc| documents::alloc_stub(alloc, &state.agent));
                Answer::list(items).read(state.tables.allocs)
            };
            Ok(call.look(blocking, look).await)
        }
        _ => Err(Answer::empty(404)),
    }
}

/// There are none.
pub(crate) async fn deployment(call: &Call<'_>, id: &str) -> Outcome {
    let blocking = call.blocking(Gate::Servers)?;
    check_id(id, "deployment")?;
    let look = |_: &mut State| Answer::text(404, "deployment not found").read(0);
    Ok(call.look(blocking, look).await)
}

pub(crate) async fn node(call: &Call<'_>, id: &str, part: &str) -> Outcome {
    if part == "evaluate" {
        call.write(Gate::Servers)?;
        let id = check_id(id, "node")?;
        return call.locked(|state| evaluate_node(state, &id));
    }
    let blocking = call.blocking(Gate::Servers)?;
    if part == "allocations" {
        let look = |state: &mut State| {
            let own = state.allocs.values().filter(|_| id == state.agent.node);
            let index = own.clone().map(|alloc| alloc.modify_index).max();
            let items = own.map(|alloc| go::encode(&documents::alloc(state, alloc)));
            Answer::list(items).read(index.unwrap_or(state.tables.allocs))
        };
        return Ok(call.look(blocking, look).await);
    }
    if !part.is_empty() {
        return Err(Answer::empty(404));
    }
    let id = check_id(id, "node")?;
    let look = |state: &mut State| {
        if id == state.agent.node {
            Answer::json(&documents::node(state)).read(state.node_modify_index)
        } else {
            Answer::text(404, "node not found").read(state.tables.nodes)
        }
    };
    Ok(call.look(blocking, look).await)
}

fn evaluate_node(state: &mut State, id: &str) -> Outcome {
    if id != state.agent.node {
        return Err(Answer::text(500, "node not found"));
    }
    let (evals, index) = state.evaluate_node();
    let era = state.agent.rules.era;
    let version = u8::from(era == Era::First);
    let mut reply = json!({
        "EvalCreateIndex": index,
        "EvalIDs": if evals.is_empty() { Value::Null } else { json!(evals) },
        "Features": 0,
        "HeartbeatTTL": 0,
        "Index": index,
        "KnownLeader": false,
        "LastContact": 0,
        "LeaderRPCAddr": state.agent.rpc,
        "NodeModifyIndex": 0,
        "NumNodes": 1,
        "Servers": [{
            "Datacenter": state.agent.datacenter,
            "RPCAdvertiseAddr": state.agent.rpc,
            "RPCMajorVersion": version,
            "RPCMinorVersion": version,
        }],
    });
    era.add("reply", &mut reply);
    era.add("node_evaluate", &mut reply);
    Ok(Answer::json(&reply).written(index))
}

/// Signals and resource use: what a client does, not the servers.
pub(crate) fn client_allocation(call: &Call<'_>, rest: &str) -> Outcome {
    match rest.split_once('/') {
        Some((id, "signal")) => {
            call.only(call.writes())?;
            let body = routes_job::decoded(call)?;
            call.gate(Gate::Servers)?;
            let id = check_id(id, "alloc")?;
            call.locked(|state| signal(state, &id, &body))
        }
        Some((id, "stats")) => {
            call.read(Gate::Servers)?;
            let id = check_id(id, "alloc")?;
            call.locked(|state| match state.allocs.get(&id) {
                None => Err(Answer::text(404, format!("Unknown allocation {id:?}"))),
                Some(alloc) => Ok(Answer::json(&documents::resource_use(
                    alloc,
                    state.agent.rules.era,
                ))),
            })
        }
        _ => Err(Answer::text(404, "resource not found")),
    }
}

/// One task answers as it is; all tasks of an allocation are reported as a
/// list of errors, even when there is one (recordings 034 and 035).
fn signal(state: &mut State, id: &str, body: &Map<String, Value>) -> Outcome {
    if !state.allocs.contains_key(id) {
        return Err(Answer::text(404, format!("Unknown allocation {id:?}")));
    }
    let given = |field| find(body, field).and_then(Value::as_str);
    let signal = given("Signal").filter(|signal| !signal.is_empty());
    let signal = signal.unwrap_or("SIGINT");
    let error = match given("Task").filter(|task| !task.is_empty()) {
        Some(task) => state.signal_task(&TaskId::new(id, task), signal).err(),
        None => {
            let errors = state.task_ids(id).into_iter().filter_map(|task| {
                let error = state.signal_task(&task, signal).err()?;
                let name = task.name;
                Some(format!("Failed to signal task: {name}, err: {error}"))
            });
            let errors: Vec<String> = errors.collect();
            (!errors.is_empty()).then(|| go::multierror(&errors))
        }
    };
    match error {
        None => Ok(Answer::json(&json!({"Index": 0}))),
        Some(error) => Err(Answer::text(500, error)),
    }
}
