//! The JSON that clients see, made from the state.
//!
//! Stubs send every field; whole allocations and evaluations leave empty ones
//! out (compare recordings 029 and 033). Nothing here decides anything.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::go;
use crate::json::{extend, integer, list, named, text};
use crate::objects::{Alloc, Eval, Job, JobKey, Task};
use crate::state::{Agent, NODE_CREATE_INDEX, State};

/// What a real node and a real agent reported of themselves.
static NODE: LazyLock<Value> = LazyLock::new(|| parsed(include_str!("../data/node.json")));
static AGENT: LazyLock<Value> = LazyLock::new(|| parsed(include_str!("../data/agent_self.json")));

fn parsed(document: &str) -> Value {
    serde_json::from_str(document).unwrap_or_default()
}

/// A job's summary.
pub(crate) fn summary(key: &JobKey, job: &Job) -> Value {
    json!({
        "Children": {"Dead": 0, "Pending": 0, "Running": 0},
        "CreateIndex": job.create_index,
        "JobID": key.id(),
        "ModifyIndex": job.summary_index,
        "Namespace": key.namespace(),
        "Summary": job.summary,
    })
}

/// The job's line in the list, encoded; kept until the job changes.
pub(crate) fn job_stub(key: &JobKey, job: &mut Job) -> Bytes {
    if let Some(stub) = &job.stub {
        return stub.clone();
    }
    let field = |name: &str| job.doc.get(name).cloned().unwrap_or_default();
    let stub = go::encode(&json!({
        "CreateIndex": job.create_index,
        "Datacenters": field("Datacenters"),
        "ID": key.id(),
        "JobModifyIndex": job.job_modify_index,
        "JobSummary": summary(key, job),
        "ModifyIndex": job.modify_index,
        "Multiregion": null,
        "Name": field("Name"),
        "Namespace": key.namespace(),
        "ParameterizedJob": !field("ParameterizedJob").is_null(),
        "ParentID": "",
        "Periodic": !field("Periodic").is_null(),
        "Priority": field("Priority"),
        "Status": job.status,
        "StatusDescription": "",
        "Stop": job.stopped,
        "SubmitTime": field("SubmitTime"),
        "Type": field("Type"),
    }));
    job.stub = Some(stub.clone());
    stub
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
fn task_states(tasks: &[Task]) -> Option<Value> {
    let time = |at: Option<i64>| at.map(go::rfc3339);
    let states = tasks.iter().map(|task| {
        let state = json!({
            "Events": task.events,
            "Failed": task.failed,
            "FinishedAt": time(task.finished),
            "LastRestart": time(task.last_restart),
            "Restarts": task.restarts,
            "StartedAt": time(task.started),
            "State": task.state,
            "TaskHandle": null,
        });
        (task.name.clone(), state)
    });
    (!tasks.is_empty()).then(|| states.collect())
}

fn tracker(alloc: &Alloc) -> Option<Value> {
    (!alloc.tracker.is_empty()).then(|| json!({"Events": alloc.tracker}))
}

/// An allocation's line in a list, encoded; kept until it changes.
pub(crate) fn alloc_stub(alloc: &mut Alloc, agent: &Agent) -> Bytes {
    if let Some(stub) = &alloc.stub {
        return stub.clone();
    }
    let stub = go::encode(&json!({
        "ClientDescription": alloc.client_description,
        "ClientStatus": alloc.client,
        "CreateIndex": alloc.create_index,
        "CreateTime": alloc.create_time,
        "DeploymentStatus": null,
        "DesiredDescription": alloc.desired_description,
        "DesiredStatus": alloc.desired,
        "DesiredTransition": {"ForceReschedule": null, "Migrate": null, "Reschedule": null},
        "EvalID": alloc.eval,
        "FollowupEvalID": alloc.followup,
        "ID": alloc.id,
        "JobID": alloc.job_id.id(),
        "JobType": text(&alloc.job, "Type"),
        "JobVersion": alloc.version,
        "ModifyIndex": alloc.modify_index,
        "ModifyTime": alloc.modify_time,
        "Name": alloc.name,
        "Namespace": alloc.job_id.namespace(),
        "NodeID": agent.node,
        "NodeName": agent.name,
        "PreemptedAllocations": null,
        "PreemptedByAllocation": "",
        "RescheduleTracker": tracker(alloc),
        "TaskGroup": alloc.group,
        "TaskStates": task_states(&alloc.tasks),
    }));
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
    let total = |cpu: i64, memory: i64| {
        json!({
            "CPU": cpu, "Cores": 0, "Devices": null, "DiskMB": disk, "IOPS": 0,
            "MemoryMB": memory, "MemoryMaxMB": memory, "Networks": null,
        })
    };
    let network = json!({"Address": "", "DNS": null, "InterfaceName": ""});
    let score = 0.053_905_604_634_104_48;
    filled(json!({
        "AllocModifyIndex": alloc.alloc_modify_index,
        "AllocatedResources": {
            "Shared": {"DiskMB": disk, "Networks": null, "Ports": null},
            "TaskLifecycles": lifecycles,
            "Tasks": allocated,
        },
        "ClientDescription": alloc.client_description,
        "ClientStatus": alloc.client,
        "CreateIndex": alloc.create_index,
        "CreateTime": alloc.create_time,
        "DesiredDescription": alloc.desired_description,
        "DesiredStatus": alloc.desired,
        "EvalID": alloc.eval,
        "FollowupEvalID": alloc.followup,
        "ID": alloc.id,
        "Job": *alloc.job,
        "JobID": alloc.job_id.id(),
        "Metrics": {
            "AllocationTime": 15854, "ClassExhausted": null, "ClassFiltered": null,
            "CoalescedFailures": 0, "ConstraintFiltered": null, "DimensionExhausted": null,
            "NodesAvailable": {agent.datacenter.as_str(): 1}, "NodesEvaluated": 1,
            "NodesExhausted": 0, "NodesFiltered": 0, "QuotaExhausted": null,
            "ResourcesExhausted": null,
            "ScoreMetaData": [{
                "NodeID": agent.node,
                "NormScore": score,
                "Scores": {
                    "binpack": score, "job-anti-affinity": 0.0, "node-affinity": 0.0,
                    "node-reschedule-penalty": 0.0,
                },
            }],
            "Scores": null,
        },
        "ModifyIndex": alloc.modify_index,
        "ModifyTime": alloc.modify_time,
        "Name": alloc.name,
        "Namespace": alloc.job_id.namespace(),
        "NetworkStatus": if alloc.tasks.is_empty() { Value::Null } else { network },
        "NextAllocation": alloc.next,
        "NodeID": agent.node,
        "NodeName": agent.name,
        "PreviousAllocation": alloc.previous,
        "RescheduleTracker": tracker(alloc),
        "Resources": total(cpu, memory),
        "SharedResources": total(0, 0),
        "TaskGroup": alloc.group,
        "TaskResources": resources,
        "TaskStates": task_states(&alloc.tasks),
    }))
}

/// A document without its empty fields.
fn filled(mut document: Value) -> Value {
    if let Some(fields) = document.as_object_mut() {
        fields.retain(|_, value| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Object(map) => !map.is_empty(),
            Value::Number(number) => number.as_u64() != Some(0),
            Value::Bool(flag) => *flag,
            Value::Array(_) => true,
        });
    }
    document
}

/// An evaluation.
pub(crate) fn eval(eval: &Eval) -> Value {
    filled(json!(eval))
}

/// The node's line in the list.
pub(crate) fn node_stub(state: &State) -> Value {
    let fields = [
        "CreateIndex",
        "Datacenter",
        "Drain",
        "Drivers",
        "HostVolumes",
        "ID",
        "LastDrain",
        "ModifyIndex",
        "Name",
        "NodeClass",
        "SchedulingEligibility",
        "Status",
        "StatusDescription",
    ];
    let mut stub = node(state);
    if let Some(all) = stub.as_object_mut() {
        all.retain(|field, _| fields.contains(&field.as_str()));
    }
    extend(
        &mut stub,
        json!({"Address": "127.0.0.1", "Version": state.agent.build}),
    );
    stub
}

/// The whole node: what a real one reported, with this one's identity.
pub(crate) fn node(state: &State) -> Value {
    let mut node = NODE.clone();
    let agent = &state.agent;
    let own = json!({
        "ID": agent.node,
        "Name": agent.name,
        "Datacenter": agent.datacenter,
        "HTTPAddr": agent.http,
        "ModifyIndex": state.node_modify_index,
        "CreateIndex": NODE_CREATE_INDEX,
        "StatusUpdatedAt": agent.started / 1_000_000_000,
    });
    extend(&mut node, own);
    let version = json!({"driver.dtle.version": state.plugin_version});
    let drivers = node.get_mut("Drivers").and_then(Value::as_object_mut);
    for driver in drivers.into_iter().flat_map(|drivers| drivers.values_mut()) {
        extend(driver, json!({"UpdateTime": go::rfc3339(agent.started)}));
    }
    if let Some(driver) = node.pointer_mut("/Drivers/dtle/Attributes") {
        extend(driver, version.clone());
    }
    if let Some(attributes) = node.get_mut("Attributes") {
        extend(attributes, version);
        let own = json!({"nomad.advertise.address": agent.http, "nomad.version": agent.build});
        extend(attributes, own);
    }
    node
}

/// The one server, as serf sees it.
pub(crate) fn member(state: &State) -> Value {
    let agent = &state.agent;
    json!({
        "Addr": "127.0.0.1",
        "DelegateCur": 4,
        "DelegateMax": 5,
        "DelegateMin": 2,
        "Name": format!("{}.{}", agent.name, agent.region),
        "Port": agent.serf_port,
        "ProtocolCur": 2,
        "ProtocolMax": 5,
        "ProtocolMin": 1,
        "Status": "alive",
        "Tags": {
            "bootstrap": "1",
            "build": agent.build,
            "dc": agent.datacenter,
            "expect": "1",
            "id": agent.server,
            "mvn": "1",
            "port": agent.rpc_port.to_string(),
            "raft_vsn": "2",
            "region": agent.region,
            "role": "nomad",
            "rpc_addr": "127.0.0.1",
            "vsn": "1",
        },
    })
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
    let mut document = AGENT.clone();
    let agent = &state.agent;
    let live = state.allocs.values().filter(|alloc| !alloc.terminal());
    let (live, index) = (live.count().to_string(), state.index.to_string());
    let peers = format!("[{{Suffrage:Voter ID:{0} Address:{0}}}]", agent.rpc);
    let serf = format!("127.0.0.1:{}", agent.serf_port);
    for (pointer, own) in [
        ("", json!({"member": member(state)})),
        (
            "/config",
            json!({"NodeName": agent.name, "Datacenter": agent.datacenter, "Region": agent.region}),
        ),
        (
            "/config/AdvertiseAddrs",
            json!({"HTTP": agent.http, "RPC": agent.rpc, "Serf": serf}),
        ),
        (
            "/config/Ports",
            json!({"HTTP": agent.http_port, "RPC": agent.rpc_port, "Serf": agent.serf_port}),
        ),
        ("/config/Consul", json!({"Addr": agent.consul})),
        (
            "/config/Plugins/0/Config",
            json!({"consul": agent.consul, "nomad_addr": agent.http, "nats_advertise": agent.nats}),
        ),
        (
            "/stats/client",
            json!({"node_id": agent.node, "known_servers": state.servers.join(","), "num_allocations": live}),
        ),
        ("/stats/nomad", json!({"leader_addr": agent.rpc})),
        (
            "/stats/raft",
            json!({
                "applied_index": index, "commit_index": index, "last_log_index": index,
                "latest_configuration": peers,
            }),
        ),
    ] {
        if let Some(object) = document.pointer_mut(pointer) {
            extend(object, own);
        }
    }
    document
}

/// `/v1/operator/raft/configuration`.
pub(crate) fn raft_configuration(state: &State) -> Value {
    json!({
        "Index": 0,
        "Servers": [{
            "Address": state.agent.rpc,
            "ID": state.agent.rpc,
            "Leader": true,
            "Node": format!("{}.{}", state.agent.name, state.agent.region),
            "RaftProtocol": "2",
            "Voter": true,
        }],
    })
}

/// What a client reports of an allocation's use of the machine: the plugin
/// reports nothing (recording 042).
pub(crate) fn resource_use(alloc: &Alloc) -> Value {
    let now = go::now_nanoseconds();
    let usage = |devices: Value| {
        json!({
            "CpuStats": {
                "Measured": [], "Percent": 0.0, "SystemMode": 0.0, "ThrottledPeriods": 0,
                "ThrottledTime": 0, "TotalTicks": 0.0, "UserMode": 0.0,
            },
            "DeviceStats": devices,
            "MemoryStats": {
                "Cache": 0, "KernelMaxUsage": 0, "KernelUsage": 0, "MaxUsage": 0,
                "Measured": ["RSS"], "RSS": 0, "Swap": 0, "Usage": 0,
            },
        })
    };
    let running = alloc.tasks.iter().filter(|task| task.state == "running");
    let tasks: Map<String, Value> = running
        .map(|task| {
            let of_task =
                json!({"Pids": {}, "ResourceUsage": usage(Value::Null), "Timestamp": now});
            (task.name.clone(), of_task)
        })
        .collect();
    json!({"ResourceUsage": usage(json!([])), "Tasks": tasks, "Timestamp": now})
}
