//! Something to look at: two replications and another tenant's job.
//!
//! The jobs have the IDs and names of the vendor's page, so that its curl lines
//! work as printed: one that runs, and one that has failed for good, because
//! its source cannot be reached. They are registered like anybody's, through
//! the same door, with the 2.x name in Meta; the third belongs to somebody
//! else, and a gateway for dtle must not show it.

use serde_json::{Value, json};

use crate::canonical;
use crate::json::extend;
use crate::objects::JobKey;
use crate::options::Plugin;
use crate::state::State;

/// The running job of the vendor's page.
pub const RUNNING_JOB: &str = "8ce4b408-8c64-41b9-04d7-baf451348e89";
/// The job of the vendor's page that has failed here.
pub const FAILED_JOB: &str = "ae2a74ac-1ee7-7f82-4b52-2f1ca759eab5";
/// The running job's allocations, as the vendor's page has them.
pub const RUNNING_SRC_ALLOCATION: &str = "33a7a1bb-8eb4-11a2-bd2c-0c7e0457dfc2";
/// See [`RUNNING_SRC_ALLOCATION`].
pub const RUNNING_DEST_ALLOCATION: &str = "83a46402-2c98-ffa1-b953-1cc038d91a7c";
/// The other tenant's job.
pub const FOREIGN_JOB: &str = "web";

/// Registers the three jobs.
pub(crate) fn sow(state: &mut State) {
    for (group, id) in [
        ("Src", RUNNING_SRC_ALLOCATION),
        ("Dest", RUNNING_DEST_ALLOCATION),
    ] {
        let place = (JobKey::new("default", RUNNING_JOB), group.to_owned());
        state.reserved.insert(place, id.to_owned());
    }
    let plugin = state.plugin;
    for job in [
        replication(plugin, RUNNING_JOB, "test1-2", "3306"),
        // A connection to port 1 is refused.
        replication(plugin, FAILED_JOB, "test1-3", "1"),
        foreign(),
    ] {
        // These are well formed: the tests of the seed would tell.
        if let Ok(job) = canonical::job(&job, state.agent.rules.era) {
            let _written = state.register(job);
        }
    }
}

fn replication(plugin: Plugin, id: &str, name: &str, port: &str) -> Value {
    let source = json!({
        "Host": "172.100.9.3", "Port": port, "User": "lx1", "Password": "111111",
    });
    let target = json!({
        "Host": "172.100.9.6", "Port": "3306", "User": "test1", "Password": "111111",
    });
    let mut src = json!({
        "ReplicateDoDb": [{"TableSchema": "db1", "Tables": [{"TableName": "tb1"}]}],
        "ChunkSize": "2000", "DropTableIfExists": false, "ExpandSyntaxSupport": false,
        "Gtid": "8868d98f-af5e-11e8-9aa9-0242ac110002:1-171", "ReplChanBufferSize": "60",
        "SkipCreateDbTable": false, "TrafficAgainstLimits": 0,
    });
    let (more, dest) = match plugin {
        Plugin::V3 => (
            json!({ "ConnectionConfig": source }),
            json!({ "ConnectionConfig": target }),
        ),
        Plugin::V4 => (
            json!({"SrcConnectionConfig": source, "DestConnectionConfig": target}),
            json!({"DestType": "mysql"}),
        ),
    };
    extend(&mut src, more);
    let group = |name: &str, config: Value| {
        json!({
            "Name": name,
            "Count": 1,
            "RestartPolicy": {
                "Attempts": 3, "Interval": 600_000_000_000_i64, "Delay": 15_000_000_000_i64, "Mode": "fail",
            },
            "ReschedulePolicy": {"Attempts": 0, "Unlimited": false},
            "Tasks": [{
                "Name": name,
                "Driver": "dtle",
                "Leader": name == "Dest",
                "Config": config,
                "Resources": {"CPU": 100, "MemoryMB": 64},
            }],
        })
    };
    json!({
        "ID": id, "Name": id, "Type": "service", "Datacenters": ["dc1"],
        "Meta": {"dtle2": json!({ "Name": name }).to_string()},
        "TaskGroups": [group("Src", src), group("Dest", dest)],
    })
}

fn foreign() -> Value {
    json!({
        "ID": FOREIGN_JOB, "Name": FOREIGN_JOB, "Type": "service", "Datacenters": ["dc1"],
        "TaskGroups": [{
            "Name": "web",
            "Tasks": [{
                "Name": "web",
                "Driver": "mock_driver",
                "Config": {"run_for": "87600h"},
                "Resources": {"CPU": 50, "MemoryMB": 20},
            }],
        }],
    })
}
