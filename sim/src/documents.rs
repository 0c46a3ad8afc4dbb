//! The JSON that clients see, made from the state.
//!
//! Stubs send every field; whole allocations and evaluations leave empty ones
//! out (compare recordings 029 and 033). Nothing here decides anything.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::canonical::list;
use super::go;
use super::scheduler::text;
use super::state::{
    Alloc, Counts, Deployment, Eval, Health, Job, JobKey, NODE_CREATE_INDEX, State, Task,
};

/// A job's summary.
pub(crate) fn summary(key: &JobKey, job: &Job) -> Value {
    let groups: Map<String, Value> = job
        .summary
        .iter()
        .map(|(group, counts)| (group.clone(), count(counts)))
        .collect();
    json!({
        "Children": {"Dead": 0, "Pending": 0, "Running": 0},
        "CreateIndex": job.create_index,
        "JobID": key.id(),
        "ModifyIndex": job.summary_index,
        "Namespace": key.namespace(),
        "Summary": groups,
    })
}

fn count(counts: &Counts) -> Value {
    json!({
        "Complete": counts.complete,
        "Failed": counts.failed,
        "Lost": counts.lost,
        "Queued": counts.queued,
        "Running": counts.running,
        "Starting": counts.starting,
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

fn health(health: Option<Health>) -> Value {
    health.map_or(Value::Null, |health| {
        json!({
            "Canary": false,
            "Healthy": health.healthy,
            "ModifyIndex": health.index,
            "Timestamp": go::rfc3339(health.at),
        })
    })
}

fn task_states(tasks: &[Task]) -> Value {
    if tasks.is_empty() {
        return Value::Null;
    }
    let time = |at: Option<i64>| at.map_or(Value::Null, |at| go::rfc3339(at).into());
    Value::Object(
        tasks
            .iter()
            .map(|task| {
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
            })
            .collect(),
    )
}

fn tracker(alloc: &Alloc) -> Value {
    if alloc.tracker.is_empty() {
        Value::Null
    } else {
        json!({"Events": alloc.tracker})
    }
}

/// An allocation's line in a list, encoded; kept until it changes.
pub(crate) fn alloc_stub(alloc: &mut Alloc, node_name: &str, node: &str) -> Bytes {
    if let Some(stub) = &alloc.stub {
        return stub.clone();
    }
    let stub = go::encode(&json!({
        "ClientDescription": alloc.client_description,
        "ClientStatus": alloc.client,
        "CreateIndex": alloc.create_index,
        "CreateTime": alloc.create_time,
        "DeploymentStatus": health(alloc.health),
        "DesiredDescription": alloc.desired_description,
        "DesiredStatus": alloc.desired,
        "DesiredTransition": {
            "ForceReschedule": null,
            "Migrate": null,
            "Reschedule": if alloc.reschedule { Value::Bool(true) } else { Value::Null },
        },
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
        "NodeID": node,
        "NodeName": node_name,
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
    let group = list(&alloc.job, "TaskGroups")
        .iter()
        .find(|group| text(group, "Name") == alloc.group);
    let disk = group
        .and_then(|group| group.pointer("/EphemeralDisk/SizeMB"))
        .cloned()
        .unwrap_or_default();
    let tasks = group.map_or(&[][..], |group| list(group, "Tasks"));
    let mut allocated = Map::new();
    let mut lifecycles = Map::new();
    let mut resources = Map::new();
    let (mut cpu, mut memory) = (0, 0);
    for task in tasks {
        let name = text(task, "Name");
        let sent = task.get("Resources").cloned().unwrap_or_default();
        let number = |field: &str| sent.get(field).and_then(Value::as_i64).unwrap_or_default();
        cpu += number("CPU");
        memory += number("MemoryMB");
        allocated.insert(
            name.clone(),
            json!({
                "Cpu": {"CpuShares": number("CPU"), "ReservedCores": null},
                "Devices": null,
                "Memory": {"MemoryMB": number("MemoryMB"), "MemoryMaxMB": number("MemoryMaxMB")},
                "Networks": null,
            }),
        );
        lifecycles.insert(
            name.clone(),
            task.get("Lifecycle").cloned().unwrap_or_default(),
        );
        resources.insert(name, sent);
    }
    let total = |cpu: i64, memory: i64| {
        json!({
            "CPU": cpu, "Cores": 0, "Devices": null, "DiskMB": disk, "IOPS": 0,
            "MemoryMB": memory, "MemoryMaxMB": memory, "Networks": null,
        })
    };
    let mut document = json!({
        "AllocModifyIndex": alloc.alloc_modify_index,
        "AllocatedResources": {
            "Shared": {"DiskMB": disk, "Networks": null, "Ports": null},
            "TaskLifecycles": lifecycles,
            "Tasks": allocated,
        },
        "ClientStatus": alloc.client,
        "CreateIndex": alloc.create_index,
        "CreateTime": alloc.create_time,
        "DesiredStatus": alloc.desired,
        "EvalID": alloc.eval,
        "ID": alloc.id,
        "Job": *alloc.job,
        "JobID": alloc.job_id.id(),
        "Metrics": {
            "AllocationTime": 15854,
            "ClassExhausted": null,
            "ClassFiltered": null,
            "CoalescedFailures": 0,
            "ConstraintFiltered": null,
            "DimensionExhausted": null,
            "NodesAvailable": {agent.datacenter.as_str(): 1},
            "NodesEvaluated": 1,
            "NodesExhausted": 0,
            "NodesFiltered": 0,
            "QuotaExhausted": null,
            "ResourcesExhausted": null,
            "ScoreMetaData": [{
                "NodeID": agent.node,
                "NormScore": 0.053_905_604_634_104_48,
                "Scores": {
                    "binpack": 0.053_905_604_634_104_48,
                    "job-anti-affinity": 0.0,
                    "node-affinity": 0.0,
                    "node-reschedule-penalty": 0.0,
                },
            }],
            "Scores": null,
        },
        "ModifyIndex": alloc.modify_index,
        "ModifyTime": alloc.modify_time,
        "Name": alloc.name,
        "Namespace": alloc.job_id.namespace(),
        "NodeID": agent.node,
        "NodeName": agent.name,
        "Resources": total(cpu, memory),
        "SharedResources": total(0, 0),
        "TaskGroup": alloc.group,
        "TaskResources": resources,
    });
    let optional = [
        ("ClientDescription", Value::from(alloc.client_description)),
        ("DeploymentID", Value::from(alloc.deployment.as_str())),
        ("DeploymentStatus", health(alloc.health)),
        ("DesiredDescription", Value::from(alloc.desired_description)),
        ("FollowupEvalID", Value::from(alloc.followup.as_str())),
        ("NextAllocation", Value::from(alloc.next.as_str())),
        ("PreviousAllocation", Value::from(alloc.previous.as_str())),
        ("RescheduleTracker", tracker(alloc)),
        ("TaskStates", task_states(&alloc.tasks)),
        (
            "DesiredTransition",
            if alloc.reschedule {
                json!({"Reschedule": true})
            } else {
                Value::Null
            },
        ),
        (
            "NetworkStatus",
            if alloc.tasks.is_empty() {
                Value::Null
            } else {
                json!({"Address": "", "DNS": null, "InterfaceName": ""})
            },
        ),
    ];
    set_present(&mut document, optional);
    document
}

/// Adds the fields that are not empty.
fn set_present<const N: usize>(document: &mut Value, optional: [(&str, Value); N]) {
    if let Some(map) = document.as_object_mut() {
        for (field, value) in optional {
            let empty = value.is_null()
                || value.as_str() == Some("")
                || value.as_u64() == Some(0)
                || value.as_bool() == Some(false)
                || value.as_object().is_some_and(Map::is_empty);
            if !empty {
                map.insert(field.to_owned(), value);
            }
        }
    }
}

/// An evaluation.
pub(crate) fn eval(eval: &Eval) -> Value {
    let mut document = json!({
        "CreateIndex": eval.create_index,
        "CreateTime": eval.create_time,
        "ID": eval.id,
        "JobID": eval.job_id.id(),
        "ModifyIndex": eval.modify_index,
        "ModifyTime": eval.modify_time,
        "Namespace": eval.job_id.namespace(),
        "Priority": eval.priority,
        "Status": eval.status,
        "TriggeredBy": eval.trigger,
        "Type": eval.kind,
    });
    let optional = [
        ("BlockedEval", Value::from(eval.blocked.as_str())),
        ("DeploymentID", Value::from(eval.deployment.as_str())),
        ("EscapedComputedClass", Value::from(eval.escaped)),
        ("FailedTGAllocs", json!(eval.failed)),
        ("JobModifyIndex", Value::from(eval.job_modify_index)),
        ("NodeID", Value::from(eval.node.as_str())),
        ("NodeModifyIndex", Value::from(eval.node_modify_index)),
        ("PreviousEval", Value::from(eval.previous.as_str())),
        ("QueuedAllocations", json!(eval.queued)),
        ("SnapshotIndex", Value::from(eval.snapshot_index)),
        ("StatusDescription", Value::from(eval.description.as_str())),
        (
            "WaitUntil",
            eval.wait_until
                .map_or(Value::Null, |at| go::rfc3339(at).into()),
        ),
    ];
    set_present(&mut document, optional);
    document
}

/// A deployment.
pub(crate) fn deployment(deployment: &Deployment) -> Value {
    let groups: Map<String, Value> = deployment
        .groups
        .iter()
        .map(|(name, rollout)| {
            let group = json!({
                "AutoPromote": false,
                "AutoRevert": false,
                "DesiredCanaries": 0,
                "DesiredTotal": rollout.desired,
                "HealthyAllocs": rollout.healthy,
                "PlacedAllocs": rollout.placed,
                "PlacedCanaries": null,
                "ProgressDeadline": rollout.progress_deadline,
                "Promoted": false,
                "RequireProgressBy": go::rfc3339(rollout.require_by),
                "UnhealthyAllocs": rollout.unhealthy,
            });
            (name.clone(), group)
        })
        .collect();
    json!({
        "CreateIndex": deployment.create_index,
        "ID": deployment.id,
        "IsMultiregion": false,
        "JobCreateIndex": deployment.job_create_index,
        "JobID": deployment.job_id.id(),
        "JobModifyIndex": deployment.job_modify_index,
        "JobSpecModifyIndex": deployment.job_modify_index,
        "JobVersion": deployment.version,
        "ModifyIndex": deployment.modify_index,
        "Namespace": deployment.job_id.namespace(),
        "Status": deployment.status,
        "StatusDescription": deployment.description,
        "TaskGroups": groups,
    })
}

fn drivers(state: &State) -> Value {
    let time = go::rfc3339(state.agent.started);
    json!({
        "mock_driver": {
            "Attributes": {"driver.mock": "true"},
            "Detected": true,
            "HealthDescription": "Healthy",
            "Healthy": true,
            "UpdateTime": time,
        },
        "raw_exec": {
            "Attributes": null,
            "Detected": false,
            "HealthDescription": "disabled",
            "Healthy": false,
            "UpdateTime": time,
        },
        "dtle": {
            "Attributes": {
                "driver.dtle": "true",
                "driver.dtle.full_version": "--",
                "driver.dtle.version": state.plugin_version,
            },
            "Detected": true,
            "HealthDescription": "Healthy",
            "Healthy": true,
            "UpdateTime": time,
        },
    })
}

/// The node's line in the list.
pub(crate) fn node_stub(state: &State) -> Value {
    json!({
        "Address": "127.0.0.1",
        "CreateIndex": NODE_CREATE_INDEX,
        "Datacenter": state.agent.datacenter,
        "Drain": false,
        "Drivers": drivers(state),
        "HostVolumes": null,
        "ID": state.agent.node,
        "LastDrain": null,
        "ModifyIndex": state.node_modify_index,
        "Name": state.agent.name,
        "NodeClass": "",
        "SchedulingEligibility": "eligible",
        "Status": "ready",
        "StatusDescription": "",
        "Version": "1.1.2",
    })
}

/// The whole node: what a real one reported, with this one's identity.
pub(crate) fn node(state: &State) -> Value {
    let mut node: Value = serde_json::from_str(include_str!("node.json")).unwrap_or_default();
    let agent = &state.agent;
    let seconds = agent.started / 1_000_000_000;
    if let Some(map) = node.as_object_mut() {
        for (field, value) in [
            ("ID", Value::from(agent.node.as_str())),
            ("Name", Value::from(agent.name.as_str())),
            ("Datacenter", Value::from(agent.datacenter.as_str())),
            ("HTTPAddr", Value::from(agent.http.as_str())),
            ("Drivers", drivers(state)),
            ("ModifyIndex", Value::from(state.node_modify_index)),
            ("CreateIndex", Value::from(NODE_CREATE_INDEX)),
            ("StatusUpdatedAt", Value::from(seconds)),
        ] {
            map.insert(field.to_owned(), value);
        }
    }
    if let Some(attributes) = node.get_mut("Attributes").and_then(Value::as_object_mut) {
        attributes.insert(
            "driver.dtle.version".to_owned(),
            state.plugin_version.as_str().into(),
        );
        attributes.insert(
            "nomad.advertise.address".to_owned(),
            agent.http.as_str().into(),
        );
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
    let mut document: Value =
        serde_json::from_str(include_str!("agent_self.json")).unwrap_or_default();
    let agent = &state.agent;
    let mut set = |pointer: &str, value: Value| {
        if let Some(field) = document.pointer_mut(pointer) {
            *field = value;
        }
    };
    let serf = format!("127.0.0.1:{}", agent.serf_port);
    set("/member", member(state));
    set("/config/NodeName", agent.name.as_str().into());
    set("/config/Datacenter", agent.datacenter.as_str().into());
    set("/config/Region", agent.region.as_str().into());
    set("/config/AdvertiseAddrs/HTTP", agent.http.as_str().into());
    set("/config/AdvertiseAddrs/RPC", agent.rpc.as_str().into());
    set("/config/AdvertiseAddrs/Serf", serf.into());
    set("/config/Ports/HTTP", agent.http_port.into());
    set("/config/Ports/RPC", agent.rpc_port.into());
    set("/config/Ports/Serf", agent.serf_port.into());
    set("/config/Consul/Addr", agent.consul.as_str().into());
    if let Some(plugin) = document
        .pointer_mut("/config/Plugins/0/Config")
        .and_then(Value::as_object_mut)
    {
        plugin.insert("consul".to_owned(), agent.consul.as_str().into());
        plugin.insert("nomad_addr".to_owned(), agent.http.as_str().into());
        plugin.insert("nats_advertise".to_owned(), agent.nats.as_str().into());
    }
    let mut set = |pointer: &str, value: String| {
        if let Some(field) = document.pointer_mut(pointer) {
            *field = value.into();
        }
    };
    let live = state
        .allocs
        .values()
        .filter(|alloc| !alloc.terminal())
        .count();
    set("/stats/client/node_id", agent.node.clone());
    set("/stats/client/known_servers", state.servers.join(","));
    set("/stats/client/num_allocations", live.to_string());
    set("/stats/nomad/leader_addr", agent.rpc.clone());
    for field in ["applied_index", "commit_index", "last_log_index"] {
        set(&format!("/stats/raft/{field}"), state.index.to_string());
    }
    set(
        "/stats/raft/latest_configuration",
        format!("[{{Suffrage:Voter ID:{0} Address:{0}}}]", agent.rpc),
    );
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
    let tasks: Map<String, Value> = alloc
        .tasks
        .iter()
        .filter(|task| task.state == "running")
        .map(|task| {
            let of_task =
                json!({"Pids": {}, "ResourceUsage": usage(Value::Null), "Timestamp": now});
            (task.name.clone(), of_task)
        })
        .collect();
    json!({"ResourceUsage": usage(json!([])), "Tasks": tasks, "Timestamp": now})
}
