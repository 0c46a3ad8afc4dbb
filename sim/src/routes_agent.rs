//! What the agent and the servers say of themselves.

use hyper::Method;
use serde_json::json;

use crate::call::{Answer, Call, Gate, Outcome};
use crate::{documents, go};

/// Everything under `/v1/agent/`.
pub(crate) fn agent(call: &Call<'_>, what: &str) -> Outcome {
    match what {
        "members" => {
            call.read(Gate::Agent)?;
            let others = call.shared.others();
            let others = others.iter().map(|o| o.locked(|s| documents::member(s)));
            let others = others.collect();
            Ok(call.locked(|state| Answer::json(&documents::members(state, others))))
        }
        "self" => {
            call.read(Gate::Agent)?;
            Ok(call.locked(|state| Answer::json(&documents::agent_self(state))))
        }
        "health" => {
            call.only(call.method == Method::GET)?;
            if !call.shared.leader {
                // This is an error's text, though it looks like JSON (recording 010 of
                // the set without a leader).
                let text = r#"{"server":{"ok":false,"message":"No cluster leader"}}"#;
                return Err(Answer::text(500, text));
            }
            let well = json!({"message": "ok", "ok": true});
            Ok(Answer::json(&json!({"client": well, "server": well})))
        }
        "servers" if call.writes() => {
            call.gate(Gate::Agent)?;
            let addresses = addresses(call, "missing server address")?;
            call.locked(|state| state.servers = addresses);
            Ok(Answer::empty(200))
        }
        "servers" => {
            call.read(Gate::Agent)?;
            Ok(call.locked(|state| Answer::json(&json!(state.servers))))
        }
        "join" => {
            call.write(Gate::Agent)?;
            let addresses = addresses(call, "missing address to join")?;
            // As with databases, nobody listens on port 1.
            let refused = addresses.iter().filter_map(|address| {
                let host = address.strip_suffix(":1")?;
                let why = format!("dial tcp {address}: connect: connection refused");
                Some(format!("Failed to join {host}: {why}"))
            });
            let refused: Vec<String> = refused.collect();
            let joined = addresses.len() - refused.len();
            let error = match joined {
                0 => go::multierror(&refused),
                _ => String::new(),
            };
            let mut reply = json!({"error": error, "num_joined": joined});
            call.shared.rules.era.add("join", &mut reply);
            Ok(Answer::json(&reply))
        }
        "force-leave" => {
            call.write(Gate::Agent)?;
            match call.query.given("node") {
                None => Err(Answer::text(400, "missing node to force leave")),
                Some(_) => Ok(Answer::empty(200)),
            }
        }
        _ => Err(Answer::empty(404)),
    }
}

fn addresses(call: &Call<'_>, missing: &str) -> Result<Vec<String>, Answer> {
    if call.query.all("address").all(str::is_empty) {
        return Err(Answer::text(400, missing));
    }
    Ok(call.query.all("address").map(str::to_owned).collect())
}

pub(crate) fn raft_configuration(call: &Call<'_>) -> Outcome {
    call.read(Gate::Servers)?;
    Ok(call.locked(|state| Answer::json(&documents::raft_configuration(state))))
}

pub(crate) fn raft_peer(call: &Call<'_>) -> Outcome {
    call.only(call.method == Method::DELETE)?;
    let (rules, given) = (call.shared.rules, call.query.given("address"));
    if rules.removes_peers_by_id && given.is_some() {
        let text =
            "Removing a peer by address is not supported in the current raft protocol version";
        return Err(Answer::text(400, text));
    }
    let (what, value) = match (call.query.given("id"), call.query.given("address")) {
        (Some(id), None) => ("id", id),
        (None, Some(address)) => ("address", address),
        (Some(_), Some(_)) => {
            let text = "Must specify only one of ?id or ?address";
            return Err(Answer::text(400, text));
        }
        (None, None) if rules.removes_peers_by_id => {
            return Err(Answer::text(400, "Must specify the peer's ID to remove"));
        }
        (None, None) => {
            let text = "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove";
            return Err(Answer::text(400, text));
        }
    };
    call.gate(Gate::Servers)?;
    let is_own = call.locked(|state| match what {
        "id" => value == state.raft_id(),
        _ => value == state.agent.rpc,
    });
    match (is_own, what) {
        // Raft's own words.
        (true, "address") if rules.raft_ids => {
            let text = "operation not supported with current protocol version";
            return Err(Answer::text(500, text));
        }
        (true, _) => return Ok(Answer::empty(200)),
        (false, _) => {}
    }
    let text = format!("{what} {value:?} was not found in the Raft configuration");
    Err(Answer::text(500, text))
}
