//! Evaluations.

use super::{JobView, Side, allocation, job};
use crate::v2;
use crate::wire;

/// One evaluation. Groups are named by the sides they are, where the job is
/// still there to tell.
#[must_use]
pub fn to_v2(view: Option<&JobView<'_>>, evaluation: &wire::Evaluation) -> v2::Evaluation {
    let side = |group: &String| {
        view.and_then(|view| view.side_of_group(group))
            .or_else(|| Side::of_name(group))
            .map_or_else(|| group.clone(), |side| side.to_string())
    };
    v2::Evaluation {
        annotate_plan: evaluation.annotate_plan,
        blocked_eval: evaluation.blocked_eval.clone(),
        class_eligibility: evaluation.class_eligibility.clone(),
        create_index: evaluation.create_index,
        escaped_computed_class: evaluation.escaped_computed_class,
        failed_tg_allocs: evaluation.failed_tg_allocs.as_ref().map(|groups| {
            groups
                .iter()
                .map(|(group, metrics)| (side(group), allocation::to_metrics(metrics)))
                .collect()
        }),
        id: evaluation.id.clone(),
        job_id: evaluation.job_id.clone(),
        job_modify_index: evaluation.job_modify_index,
        modify_index: evaluation.modify_index,
        next_eval: evaluation.next_eval.clone(),
        node_id: evaluation.node_id.clone(),
        node_modify_index: evaluation.node_modify_index,
        previous_eval: evaluation.previous_eval.clone(),
        queued_allocations: evaluation.queued_allocations.as_ref().map(|groups| {
            groups
                .iter()
                .map(|(group, count)| (side(group), *count))
                .collect()
        }),
        snapshot_index: evaluation.snapshot_index,
        status: evaluation.status.clone(),
        status_description: evaluation.status_description.clone(),
        triggered_by: evaluation.triggered_by.clone(),
        kind: job::TYPE,
        wait: evaluation.wait,
    }
}

/// The answer to an evaluation of a node.
#[must_use]
pub fn to_node_evaluation(answer: wire::NodeEvaluated) -> v2::NodeEvaluation {
    v2::NodeEvaluation {
        eval_create_index: answer.eval_create_index,
        eval_ids: answer.eval_ids,
        heartbeat_ttl: answer.heartbeat_ttl,
        index: answer.index,
        known_leader: false,
        last_contact: 0,
        leader_rpc_addr: answer.leader_rpc_addr,
        node_modify_index: answer.node_modify_index,
        num_nodes: answer.num_nodes,
        servers: answer.servers.map(|servers| {
            servers
                .into_iter()
                .map(|server| v2::ServerInfo {
                    datacenter: server.datacenter,
                    rpc_advertise_addr: server.rpc_advertise_addr,
                    rpc_major_version: server.rpc_major_version,
                    rpc_minor_version: server.rpc_minor_version,
                })
                .collect()
        }),
    }
}
