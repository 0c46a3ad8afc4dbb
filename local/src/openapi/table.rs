//! What the document says of each route; in the order in which it shows them.

use dtle_translate::v2;

use super::operation::Answer::{Empty, Json, Nothing};
use super::operation::Body::{Job, JobInAnyForm};
use super::operation::Query::{
    Address, Addresses, All, Blocking, Forget, Fresh, Node, PeerId, Prefix, Region, Task,
};
use super::operation::{Doc, Headers, Id, Source, of};

const UNKNOWN_JOB: &[&str] = &["job not found"];
const INDEX_FAULTS: &[&str] = &[
    "Enforcing job modify index 7: job exists with conflicting job modify index: 12",
    "Enforcing job modify index 0: job already exists",
    "Enforcing job modify index 7: job does not exist",
];

/// Every route of `dtle_api::routes::TABLE`, exactly once.
pub(super) const DOCS: &[Doc] = &[
    Doc {
        function: "jobs-list",
        tag: "Jobs",
        summary: "All jobs",
        text: "Sorted by ID. Here, and only here, every `ConnectionConfig.Password` reads `*`.",
        query: &[Blocking, Prefix, Region],
        answer: Json(of::<Vec<v2::JobStub>>),
        headers: Headers::Read,
        ..Doc::NOMAD
    },
    Doc {
        function: "jobs-register",
        tag: "Jobs",
        summary: "Create or update a job",
        text: "A job without an ID is a new one and gets a UUID. A job with the ID of a job that is there replaces it, at once, and starts it if it was paused. A job made again under the ID of a deleted one goes on from the progress that is stored under it. A password that reads `*` keeps the registered one.\n\nAll faults of a body are named together, in one line.",
        query: &[Region, Fresh],
        body: Some(JobInAnyForm),
        answer: Json(of::<v2::WriteReply>),
        headers: Headers::Write,
        bad: &[
            "Job Name hasn't been provided",
            "Tasks hold 1 Src and 0 Dest: one of each is needed",
            "the JSON ends too early (line 1, column 1)",
        ],
        missing: &["order not found", "job not found"],
        refused: INDEX_FAULTS,
        ..Doc::NOMAD
    },
    Doc {
        function: "job-get",
        tag: "Jobs",
        summary: "A job",
        text: "While it runs, `Gtid` in its tasks' Config moves forward where the gateway knows Consul. X-Udup-Index is the job's ModifyIndex.",
        id: Some(Id::Job),
        query: &[Blocking, Region],
        answer: Json(of::<v2::Job>),
        headers: Headers::Read,
        missing: UNKNOWN_JOB,
        ..Doc::NOMAD
    },
    Doc {
        function: "job-update",
        tag: "Jobs",
        summary: "Create or update the job of that ID",
        text: "As on /v1/jobs. A body without an ID takes the path's; one with another ID is refused.",
        id: Some(Id::Job),
        query: &[Region, Fresh],
        body: Some(JobInAnyForm),
        answer: Json(of::<v2::WriteReply>),
        headers: Headers::Write,
        bad: &[
            "the body's ID \"a\" is not the path's \"b\"",
            "Job Name hasn't been provided",
        ],
        missing: &["order not found", "job not found"],
        refused: INDEX_FAULTS,
        ..Doc::NOMAD
    },
    Doc {
        function: "job-delete",
        tag: "Jobs",
        summary: "Delete a job",
        text: "Its progress stays, so that a job made again under the ID goes on from there. An unknown job is as good as a deleted one.",
        id: Some(Id::Job),
        query: &[Region, Forget],
        answer: Json(of::<v2::WriteReply>),
        headers: Headers::Write,
        bad: &["forget=true needs the gateway to know Consul: CONSUL_HTTP_ADDR is not set"],
        ..Doc::NOMAD
    },
    Doc {
        function: "job-pause",
        tag: "Jobs",
        summary: "Pause a job",
        text: "Success is false, and the index 0, for a job that is paused already. A body is not read.",
        id: Some(Id::Job),
        query: &[Region],
        answer: Json(of::<v2::WriteReply>),
        headers: Headers::Write,
        missing: UNKNOWN_JOB,
        ..Doc::NOMAD
    },
    Doc {
        function: "job-resume",
        tag: "Jobs",
        summary: "Resume a job",
        text: "Starts a paused job, and again one that is dead or complete. Success is false, and the index 0, for one that runs. A body is not read.",
        id: Some(Id::Job),
        query: &[Region],
        answer: Json(of::<v2::WriteReply>),
        headers: Headers::Write,
        missing: UNKNOWN_JOB,
        ..Doc::NOMAD
    },
    Doc {
        function: "job-allocations",
        tag: "Jobs",
        summary: "The allocations of a job",
        text: "Sorted by ID. An unknown job has none.",
        id: Some(Id::Job),
        query: &[Blocking, Region, All],
        answer: Json(of::<Vec<v2::AllocationStub>>),
        headers: Headers::Read,
        ..Doc::NOMAD
    },
    Doc {
        function: "job-evaluations",
        tag: "Jobs",
        summary: "The evaluations of a job",
        text: "Sorted by Status, then ID. An unknown job has none.",
        id: Some(Id::Job),
        query: &[Blocking, Region],
        answer: Json(of::<Vec<v2::Evaluation>>),
        headers: Headers::Read,
        ..Doc::NOMAD
    },
    Doc {
        function: "validate-job",
        tag: "Jobs",
        summary: "Check a job without running it",
        text: "The job itself is checked, and Nomad asked. 2.x connected to the databases too; from here they cannot be reached, so those checks are reported as not made: Success false, Error empty. Faults of the job are in the report's Error, with status 200.",
        query: &[Region, Fresh],
        body: Some(Job),
        answer: Json(of::<v2::Validation>),
        bad: &["the JSON ends too early (line 1, column 1)"],
        ..Doc::NOMAD
    },
    Doc {
        function: "allocations-list",
        tag: "Allocations",
        summary: "The allocations of all jobs",
        text: "Sorted by ID.",
        query: &[Blocking, Prefix, Region],
        answer: Json(of::<Vec<v2::AllocationStub>>),
        headers: Headers::Read,
        ..Doc::NOMAD
    },
    Doc {
        function: "allocation-get",
        tag: "Allocations",
        summary: "An allocation, whole",
        text: "With the job it was made for.",
        id: Some(Id::Allocation),
        query: &[Blocking, Region],
        answer: Json(of::<v2::Allocation>),
        headers: Headers::Read,
        missing: &["alloc not found"],
        ..Doc::NOMAD
    },
    Doc {
        function: "allocation-stats",
        tag: "Allocations",
        summary: "The statistics of an allocation",
        text: "By the type of the task. A task that is not running is absent. An answer is shared for as long as the plugin does not refresh its figures.",
        id: Some(Id::Allocation),
        query: &[Region, Task],
        answer: Json(of::<v2::AllocationStatistics>),
        missing: &[
            "alloc not found",
            "allocation \"33a7a1bb-8eb4-11a2-bd2c-0c7e0457dfc2\" has no task \"Nope\"",
        ],
        ..Doc::NOMAD
    },
    Doc {
        function: "evaluations-list",
        tag: "Evaluations",
        summary: "The evaluations of all jobs",
        text: "Sorted by ID.",
        query: &[Blocking, Prefix, Region],
        answer: Json(of::<Vec<v2::Evaluation>>),
        headers: Headers::Read,
        ..Doc::NOMAD
    },
    Doc {
        function: "evaluation-get",
        tag: "Evaluations",
        summary: "An evaluation",
        id: Some(Id::Evaluation),
        query: &[Blocking, Region],
        answer: Json(of::<v2::Evaluation>),
        headers: Headers::Read,
        missing: &["eval not found"],
        ..Doc::NOMAD
    },
    Doc {
        function: "evaluation-allocations",
        tag: "Evaluations",
        summary: "The allocations that an evaluation placed",
        text: "Sorted by ID. An unknown evaluation has none; an ID that is no UUID is 404.",
        id: Some(Id::Evaluation),
        query: &[Blocking, Region],
        answer: Json(of::<Vec<v2::AllocationStub>>),
        headers: Headers::Read,
        missing: &["eval not found"],
        ..Doc::NOMAD
    },
    Doc {
        function: "nodes-list",
        tag: "Nodes",
        summary: "The nodes that run dtle",
        text: "Sorted by ID.",
        query: &[Blocking, Prefix, Region],
        answer: Json(of::<Vec<v2::NodeStub>>),
        headers: Headers::Read,
        ..Doc::NOMAD
    },
    Doc {
        function: "node-get",
        tag: "Nodes",
        summary: "A node",
        id: Some(Id::Node),
        query: &[Blocking, Region],
        answer: Json(of::<v2::Node>),
        headers: Headers::Read,
        missing: &["node not found"],
        ..Doc::NOMAD
    },
    Doc {
        function: "node-allocations",
        tag: "Nodes",
        summary: "The allocations on a node, whole",
        text: "Sorted by ID. An unknown node has none; an ID that is no UUID is 404.",
        id: Some(Id::Node),
        query: &[Blocking, Region],
        answer: Json(of::<Vec<v2::Allocation>>),
        headers: Headers::Read,
        missing: &["node not found"],
        ..Doc::NOMAD
    },
    Doc {
        function: "node-evaluate",
        tag: "Nodes",
        summary: "Evaluate the jobs of a node anew",
        text: "A body is not read.",
        id: Some(Id::Node),
        query: &[Region],
        answer: Json(of::<v2::NodeEvaluation>),
        headers: Headers::Write,
        missing: &["node not found"],
        ..Doc::NOMAD
    },
    Doc {
        function: "leader",
        tag: "Servers",
        summary: "The leader",
        text: "Its `ip:port`, as a JSON string.",
        query: &[Region],
        answer: Json(of::<String>),
        ..Doc::NOMAD
    },
    Doc {
        function: "peers",
        tag: "Servers",
        summary: "The servers in Raft",
        text: "`ip:port` each.",
        query: &[Region],
        answer: Json(of::<Vec<String>>),
        ..Doc::NOMAD
    },
    Doc {
        function: "regions",
        tag: "Servers",
        summary: "The names of the regions",
        query: &[Region],
        answer: Json(of::<Vec<String>>),
        ..Doc::NOMAD
    },
    Doc {
        function: "members",
        tag: "Servers",
        summary: "The servers",
        query: &[Region],
        answer: Json(of::<v2::Members>),
        ..Doc::NOMAD
    },
    Doc {
        function: "managers-list",
        tag: "Servers",
        summary: "The servers that the agent talks to",
        text: "`ip:port` each. An agent that is a server only keeps no such list; then its peers.",
        query: &[Region],
        answer: Json(of::<Vec<String>>),
        ..Doc::NOMAD
    },
    Doc {
        function: "managers-set",
        tag: "Servers",
        summary: "Set the servers that the agent talks to",
        query: &[Addresses, Region],
        answer: Empty,
        bad: &["missing server address"],
        unsupported: &[
            "the Nomad agent behind this gateway is a server only: it has no list of servers to set",
        ],
        ..Doc::NOMAD
    },
    Doc {
        function: "agent-self",
        tag: "Servers",
        summary: "The answering server",
        query: &[Region],
        answer: Json(of::<v2::AgentSelf>),
        ..Doc::NOMAD
    },
    Doc {
        function: "join",
        tag: "Servers",
        summary: "Join servers",
        query: &[Addresses, Region],
        answer: Json(of::<v2::Joined>),
        bad: &["missing address to join"],
        ..Doc::NOMAD
    },
    Doc {
        function: "force-leave",
        tag: "Servers",
        summary: "Give a failed server up",
        query: &[Node, Region],
        answer: Empty,
        bad: &["missing node to force leave"],
        ..Doc::NOMAD
    },
    Doc {
        function: "raft-configuration",
        tag: "Servers",
        summary: "The Raft configuration",
        query: &[Region],
        answer: Json(of::<v2::RaftConfiguration>),
        ..Doc::NOMAD
    },
    Doc {
        function: "raft-peer-remove",
        tag: "Servers",
        summary: "Take a server out of Raft",
        text: "By `address` or by `id`, one of them.",
        query: &[Address, PeerId, Region],
        answer: Empty,
        bad: &[
            "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove",
            "Must specify only one of ?id or ?address",
        ],
        refused: &["address \"10.0.0.5:4647\" was not found in the Raft configuration"],
        ..Doc::NOMAD
    },
    Doc {
        function: "orders-list",
        tag: "Billing",
        summary: "No orders",
        text: "Always empty, as a 2.x without orders answered.",
        answer: Json(of::<[(); 0]>),
        headers: Headers::Read,
        source: Source::Gateway,
        ..Doc::NOMAD
    },
    Doc {
        function: "unsupported",
        tag: "Billing",
        summary: "Not supported",
        text: "Billing, and 2.x's browser of the source database, have no counterpart on a Nomad cluster. What else there was below /v1/orders/ and /v1/order/ answers the same.",
        id: Some(Id::Order),
        answer: Nothing,
        unsupported: &[
            "/v1/login belongs to billing or to the database browser of dtle 2.x, which a Nomad cluster has no counterpart for",
        ],
        source: Source::Gateway,
        ..Doc::NOMAD
    },
];
