//! Nomad's answers, as every type that is read from one, translated where that
//! takes nothing else.
#![no_main]

use dtle_translate::wire::{
    AgentMembers, AgentSelf, Allocation, AllocationStub, Evaluation, Job, JobStub, JobSummary,
    JobVersion, Node, NodeStub, RaftConfiguration,
};
use dtle_translate::status::recorded;
use dtle_translate::{JobView, allocation, cluster, job, node};
use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(found) = read::<Job>(bytes) {
        let view = JobView::new(&found);
        let shown = job::to_v2(&view, &recorded(&found));
        serde_json::to_string(&shown).expect("JSON");
    }
    if let Some(found) = read::<Allocation>(bytes)
        && let Some(made_for) = &found.rest.job
    {
        let view = JobView::new(made_for);
        let stub = allocation::to_v2(&view, &found.stub, false, 0);
        serde_json::to_string(&stub).expect("JSON");
    }
    if let Some(found) = read::<Node>(bytes) {
        serde_json::to_string(&node::to_v2(&found)).expect("JSON");
    }
    if let Some(found) = read::<AgentMembers>(bytes) {
        serde_json::to_string(&cluster::to_members(found)).expect("JSON");
    }
    if let Some(found) = read::<AgentSelf>(bytes) {
        serde_json::to_string(&cluster::to_self(found)).expect("JSON");
    }
    let _ = read::<Vec<JobStub>>(bytes);
    let _ = read::<Vec<AllocationStub>>(bytes);
    let _ = read::<Vec<NodeStub>>(bytes);
    let _ = read::<Vec<Evaluation>>(bytes);
    let _ = read::<Vec<JobVersion>>(bytes);
    let _ = read::<JobSummary>(bytes);
    let _ = read::<RaftConfiguration>(bytes);
});
