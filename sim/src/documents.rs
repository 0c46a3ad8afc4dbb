//! The JSON that clients see, made from the state.
//!
//! Stubs send every field; whole allocations and evaluations leave empty ones
//! out (compare recordings 029 and 033). Nothing here decides anything.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::data::Document;
use crate::go;
use crate::json::{extend, integer, list, named, text};
use crate::objects::{Alloc, Eval, Job, JobKey, Task};
use crate::options::Era;
use crate::state::{Agent, NODE_CREATE_INDEX, State};

/// Some fields of a document, separated by spaces.
fn picked(document: &Value, fields: &str) -> Value {
    let of = |field: &str| (field.to_owned(), document.get(field).cloned());
    let fields = fields.split_whitespace().map(of);
    fields
        .map(|(name, value)| (name, value.unwrap_or_default()))
        .collect()
}

/// A job's summary.
pub(crate) fn summary(key: &JobKey, job: &Job, era: Era) -> Value {
    let counts = job.summary.iter().map(|(group, counts)| {
        let mut counts = json!(counts);
        era.add("counts", &mut counts);
        (group.clone(), counts)
    });
    let counts: Map<String, Value> = counts.collect();
    json!({
        "Children": {"Dead": 0, "Pending": 0, "Running": 0},
        "CreateIndex": job.create_index,
        "JobID": key.id(),
        "ModifyIndex": job.summary_index,
        "Namespace": key.namespace(),
        "Summary": counts,
    })
}

/// The job's line in the list, encoded; kept until the job changes.
pub(crate) fn job_stub(key: &JobKey, job: &mut Job, era: Era) -> Bytes {
    if let Some(stub) = &job.stub {
        return stub.clone();
    }
    let stub = go::encode(&listed_job(key, job, era));
    job.stub = Some(stub.clone());
    stub
}

/// The same with the job's Meta, as `?meta=true` asks for it in later releases.
pub(crate) fn job_stub_with_meta(key: &JobKey, job: &Job, era: Era) -> Bytes {
    let mut document = listed_job(key, job, era);
    if let Some(meta) = job.doc.get("Meta").filter(|meta| !meta.is_null()) {
        extend(&mut document, json!({ "Meta": meta }));
    }
    go::encode(&document)
}

fn listed_job(key: &JobKey, job: &Job, era: Era) -> Value {
    let listed = "CreateIndex Datacenters ID JobModifyIndex ModifyIndex Multiregion Name Namespace \
                  ParentID Priority Status StatusDescription Stop SubmitTime Type";
    let mut document = picked(&job.doc, listed);
    let set = |field| job.doc.get(field).is_some_and(|value| !value.is_null());
    let more = json!({
        "JobSummary": summary(key, job, era),
        "ParameterizedJob": set("ParameterizedJob"),
        "Periodic": set("Periodic"),
    });
    extend(&mut document, more);
    if let Some(pool) = job.doc.get("NodePool") {
        extend(&mut document, json!({ "NodePool": pool }));
    }
    document
}

/// The whole job, encoded; kept until it changes.
pub(crate) fn job_body(job: &mut Job) -> Bytes {
    if let Some(body) = &job.body {
        return body.clone();
    }
    let body = go::encode(&job.doc);
    job.body = Some(body.clone());
    body
}

/// `null` before the client has received any.
fn task_states(tasks: &[Task], era: Era) -> Option<Value> {
    let time = |at: Option<i64>| at.map(go::rfc3339);
    let states = tasks.iter().map(|task| {
        let mut state = json!({
            "Events": task.events,
            "Failed": task.failed,
            "FinishedAt": time(task.finished),
            "LastRestart": time(task.last_restart),
            "Restarts": task.restarts,
            "StartedAt": time(task.started),
            "State": task.state,
        });
        if era == Era::First {
            extend(&mut state, json!({"TaskHandle": null}));
        }
        era.add("task_state", &mut state);
        (task.name.clone(), state)
    });
    (!tasks.is_empty()).then(|| states.collect())
}

fn tracker(alloc: &Alloc) -> Option<Value> {
    (!alloc.tracker.is_empty()).then(|| json!({"Events": alloc.tracker}))
}

/// What both documents of an allocation say.
fn of_alloc(alloc: &Alloc, agent: &Agent) -> Value {
    json!({
        "ClientDescription": alloc.client_description,
        "ClientStatus": alloc.client,
        "CreateIndex": alloc.create_index,
        "CreateTime": alloc.create_time,
        "DesiredDescription": alloc.desired_description,
        "DesiredStatus": alloc.desired,
        "EvalID": alloc.eval,
        "FollowupEvalID": alloc.followup,
        "ID": alloc.id,
        "JobID": alloc.job_id.id(),
        "ModifyIndex": alloc.modify_index,
        "ModifyTime": alloc.modify_time,
        "Name": alloc.name,
        "Namespace": alloc.job_id.namespace(),
        "NodeID": agent.node,
        "NodeName": agent.name,
        "RescheduleTracker": tracker(alloc),
        "TaskGroup": alloc.group,
        "TaskStates": task_states(&alloc.tasks, agent.rules.era),
    })
}

/// An allocation's line in a list, encoded; kept until it changes.
pub(crate) fn alloc_stub(alloc: &mut Alloc, agent: &Agent) -> Bytes {
    if let Some(stub) = &alloc.stub {
        return stub.clone();
    }
    let mut document = of_alloc(alloc, agent);
    let more = json!({
        "DeploymentStatus": null,
        "DesiredTransition": {"ForceReschedule": null, "Migrate": null, "Reschedule": null},
        "JobType": text(&alloc.job, "Type"),
        "JobVersion": alloc.version,
        "PreemptedAllocations": null,
        "PreemptedByAllocation": "",
    });
    extend(&mut document, more);
    agent.rules.era.add("alloc_stub", &mut document);
    if document.get("NextAllocation").is_some() {
        extend(&mut document, json!({"NextAllocation": alloc.next}));
    }
    let stub = go::encode(&document);
    alloc.stub = Some(stub.clone());
    stub
}

/// A whole allocation, its job included.
pub(crate) fn alloc(state: &State, alloc: &Alloc) -> Value {
    let agent = &state.agent;
    let group = named(&alloc.job, "TaskGroups", &alloc.group);
    let group = group.unwrap_or(&Value::Null);
    let disk = group.pointer("/EphemeralDisk/SizeMB");
    let mut allocated = Map::new();
    let mut lifecycles = Map::new();
    let mut resources = Map::new();
    let (mut cpu, mut memory) = (0, 0);
    for task in list(group, "Tasks") {
        let name = text(task, "Name").to_owned();
        let sent = task.get("Resources").cloned().unwrap_or_default();
        let number = |field: &str| integer(&sent, field).unwrap_or_default();
        cpu += number("CPU");
        memory += number("MemoryMB");
        let of_task = json!({
            "Cpu": {"CpuShares": number("CPU"), "ReservedCores": null},
            "Devices": null,
            "Memory": {"MemoryMB": number("MemoryMB"), "MemoryMaxMB": number("MemoryMaxMB")},
            "Networks": null,
        });
        allocated.insert(name.clone(), of_task);
        let lifecycle = task.get("Lifecycle").cloned();
        lifecycles.insert(name.clone(), lifecycle.unwrap_or_default());
        resources.insert(name, sent);
    }
    let era = agent.rules.era;
    let total = |cpu: i64, memory: i64| {
        let mut total = json!({
            "CPU": cpu, "Cores": 0, "Devices": null, "DiskMB": disk, "IOPS": 0,
            "MemoryMB": memory, "MemoryMaxMB": memory, "Networks": null,
        });
        era.add("resources", &mut total);
        total
    };
    let mut network = json!({"Address": "", "DNS": null, "InterfaceName": ""});
    era.add("network", &mut network);
    let score = 0.053_905_604_634_104_48;
    let mut metrics = era.document(Document::Metrics).clone();
    let scored = json!({
        "NodesAvailable": {agent.datacenter.as_str(): 1},
        "ScoreMetaData": [{
            "NodeID": agent.node,
            "NormScore": score,
            "Scores": {
                "binpack": score, "job-anti-affinity": 0.0, "node-affinity": 0.0,
                "node-reschedule-penalty": 0.0,
            },
        }],
    });
    extend(&mut metrics, scored);
    let mut document = of_alloc(alloc, agent);
    let more = json!({
        "AllocModifyIndex": alloc.alloc_modify_index,
        "AllocatedResources": {
            "Shared": {"DiskMB": disk, "Networks": null, "Ports": null},
            "TaskLifecycles": lifecycles,
            "Tasks": allocated,
        },
        "Job": *alloc.job,
        "Metrics": metrics,
        "NetworkStatus": if alloc.tasks.is_empty() { Value::Null } else { network },
        "NextAllocation": alloc.next,
        "PreviousAllocation": alloc.previous,
        "Resources": total(cpu, memory),
        "SharedResources": total(0, 0),
        "TaskResources": resources,
    });
    extend(&mut document, more);
    era.add("alloc", &mut document);
    filled(document)
}

/// A document without its empty fields.
fn filled(mut document: Value) -> Value {
    let empty = [Value::Null, json!(""), json!({}), json!(0), json!(false)];
    if let Some(fields) = document.as_object_mut() {
        fields.retain(|_, value| !empty.contains(value));
    }
    document
}

/// An evaluation.
pub(crate) fn eval(eval: &Eval) -> Value {
    let (id, namespace) = (eval.job_id.id(), eval.job_id.namespace());
    let mut document = json!(eval);
    extend(&mut document, json!({"JobID": id, "Namespace": namespace}));
    filled(document)
}

/// The node's line in the list.
pub(crate) fn node_stub(state: &State) -> Value {
    let listed = "CreateIndex Datacenter Drain Drivers HostVolumes ID LastDrain ModifyIndex Name \
                  NodeClass SchedulingEligibility Status StatusDescription";
    let node = node(state);
    let mut stub = picked(&node, listed);
    if let Some(pool) = node.get("NodePool") {
        extend(&mut stub, json!({ "NodePool": pool }));
    }
    let more = json!({"Address": "127.0.0.1", "Version": state.agent.build});
    extend(&mut stub, more);
    stub
}

/// The whole node: what a real one reported, with this one's identity.
pub(crate) fn node(state: &State) -> Value {
    let (agent, version) = (&state.agent, &state.plugin_version);
    let started = json!({"UpdateTime": go::rfc3339(agent.started)});
    let mut node = agent.rules.era.document(Document::Node).clone();
    let own = json!({
        "Attributes": {
            "driver.dtle.version": version, "nomad.version": agent.build,
        },
        "CreateIndex": NODE_CREATE_INDEX,
        "Datacenter": agent.datacenter,
        "Drivers": {"dtle": started, "mock_driver": started, "raw_exec": started},
        "HTTPAddr": agent.http,
        "ID": agent.node,
        "ModifyIndex": state.node_modify_index,
        "Name": agent.name,
        "StatusUpdatedAt": agent.started / 1_000_000_000,
    });
    extend(&mut node, own);
    for name in ["nomad.advertise.address", "unique.advertise.address"] {
        let place = format!("/Attributes/{name}");
        if let Some(address) = node.pointer_mut(&place) {
            *address = json!(agent.http);
        }
    }
    let of_driver = json!({"Drivers": {"dtle": {"Attributes": {"driver.dtle.version": version}}}});
    extend(&mut node, of_driver);
    node
}

/// The one server, as serf sees it.
pub(crate) fn member(state: &State) -> Value {
    let agent = &state.agent;
    let own = agent.rules.era.document(Document::Agent).get("member");
    let mut member = own.cloned().unwrap_or_default();
    let own = json!({
        "Name": format!("{}.{}", agent.name, agent.region),
        "Port": agent.serf_port,
        "Tags": {
            "build": agent.build, "dc": agent.datacenter, "id": agent.server,
            "port": agent.rpc_port.to_string(), "region": agent.region,
        },
    });
    extend(&mut member, own);
    member
}

/// `/v1/agent/members`: the servers of all regions know each other.
pub(crate) fn members(state: &State, others: Vec<Value>) -> Value {
    let mut members = vec![member(state)];
    members.extend(others);
    json!({
        "Members": members,
        "ServerDC": state.agent.datacenter,
        "ServerName": state.agent.name,
        "ServerRegion": state.agent.region,
    })
}

/// `/v1/agent/self`: a real agent's settings, with this one's identity.
pub(crate) fn agent_self(state: &State) -> Value {
    let agent = &state.agent;
    let mut document = agent.rules.era.document(Document::Agent).clone();
    let live = state.allocs.values().filter(|alloc| !alloc.terminal());
    let (live, index) = (live.count().to_string(), state.index.to_string());
    let (id, rpc) = (state.raft_id(), &agent.rpc);
    let peers = format!("[{{Suffrage:Voter ID:{id} Address:{rpc}}}]");
    let serf = format!("127.0.0.1:{}", agent.serf_port);
    let own = json!({
        "member": member(state),
        "config": {
            "NodeName": agent.name, "Datacenter": agent.datacenter, "Region": agent.region,
            "AdvertiseAddrs": {"HTTP": agent.http, "RPC": agent.rpc, "Serf": serf},
            "Ports": {"HTTP": agent.http_port, "RPC": agent.rpc_port, "Serf": agent.serf_port},
        },
        "stats": {
            "client": {
                "node_id": agent.node, "known_servers": state.servers.join(","),
                "num_allocations": live,
            },
            "nomad": {"leader_addr": agent.rpc},
            "raft": {
                "applied_index": index, "commit_index": index, "last_log_index": index,
                "latest_configuration": peers,
            },
        },
    });
    extend(&mut document, own);
    for consul in ["/config/Consul", "/config/Consuls/0"] {
        if let Some(consul) = document.pointer_mut(consul) {
            extend(consul, json!({"Addr": agent.consul}));
        }
    }
    let plugins = document.pointer_mut("/config/Plugins");
    let plugins = plugins.and_then(Value::as_array_mut).into_iter().flatten();
    for plugin in plugins.filter(|plugin| text(plugin, "Name") == "dtle") {
        let own = json!({"Config": {
            "consul": agent.consul, "nomad_addr": agent.http, "nats_advertise": agent.nats,
        }});
        extend(plugin, own);
    }
    document
}

/// `/v1/operator/raft/configuration`.
pub(crate) fn raft_configuration(state: &State) -> Value {
    json!({
        "Index": 0,
        "Servers": [{
            "Address": state.agent.rpc,
            "ID": state.raft_id(),
            "Leader": true,
            "Node": format!("{}.{}", state.agent.name, state.agent.region),
            "RaftProtocol": if state.agent.rules.raft_ids { "3" } else { "2" },
            "Voter": true,
        }],
    })
}

/// What a client reports of an allocation's use of the machine.
pub(crate) fn resource_use(alloc: &Alloc, era: Era) -> Value {
    let usage = era.document(Document::Usage);
    let now = go::now_nanoseconds();
    // What the plugin says, later releases leave out.
    let running = alloc.tasks.iter();
    let running = running.filter(|task| era == Era::First && task.state == "running");
    let tasks = running.map(|task| {
        let of_task = json!({"Pids": {}, "ResourceUsage": usage, "Timestamp": now});
        (task.name.clone(), of_task)
    });
    let tasks: Map<String, Value> = tasks.collect();
    let mut whole = usage.clone();
    extend(&mut whole, json!({"DeviceStats": []}));
    json!({"ResourceUsage": whole, "Tasks": tasks, "Timestamp": now})
}
