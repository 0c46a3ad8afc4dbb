//! Lists: of jobs, allocations, evaluations, nodes.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use crate::call::{Answer, Call, Gate, Outcome, check_prefix};
use crate::options::Era;
use crate::state::State;
use crate::{documents, go};

/// The entries whose key begins so, without a look at all the others.
fn beginning_with<'a, K: Ord + Borrow<str>, T>(
    map: &'a mut BTreeMap<K, T>,
    prefix: &'a str,
) -> impl Iterator<Item = (&'a K, &'a mut T)> {
    let from = (Bound::Included(prefix), Bound::Unbounded);
    map.range_mut::<str, _>(from)
        .take_while(move |(id, _)| (*id).borrow().starts_with(prefix))
}

/// A list of objects that a UUID names, with `?prefix`.
async fn list(
    call: &Call<'_>,
    what: &str,
    collect: impl Fn(&mut State, &str) -> (Vec<Bytes>, u64),
) -> Outcome {
    let blocking = call.blocking(Gate::Servers)?;
    let prefix = check_prefix(call.query.get("prefix").unwrap_or_default(), what)?;
    let look = |state: &mut State| {
        let (items, index) = collect(state, &prefix);
        Answer::list(items).read(index)
    };
    Ok(call.look(blocking, look).await)
}

pub(crate) async fn jobs(call: &Call<'_>) -> Outcome {
    let blocking = call.blocking(Gate::Servers)?;
    let prefix = call.query.get("prefix").unwrap_or_default();
    // The keys begin with their namespace.
    let (beginning, prefix) = match call.namespace() {
        "*" => (String::new(), prefix),
        namespace => (format!("{namespace}\0{prefix}"), ""),
    };
    let era = call.shared.rules.era;
    let with_meta = era != Era::First && call.query.flag("meta");
    let look = |state: &mut State| {
        let items = beginning_with(&mut state.jobs, &beginning)
            .filter(|(key, _)| key.id().starts_with(prefix))
            .map(|(key, job)| match with_meta {
                true => documents::job_stub_with_meta(key, job, era),
                false => documents::job_stub(key, job, era),
            });
        Answer::list(items).read(state.tables.jobs.max(state.tables.summaries))
    };
    Ok(call.look(blocking, look).await)
}

pub(crate) async fn allocations(call: &Call<'_>) -> Outcome {
    list(call, "alloc", |state, prefix| {
        let items = beginning_with(&mut state.allocs, prefix)
            .filter(|(_, alloc)| call.lists(&alloc.job_id))
            .map(|(_, alloc)| documents::alloc_stub(alloc, &state.agent))
            .collect();
        (items, state.tables.allocs)
    })
    .await
}

pub(crate) async fn evaluations(call: &Call<'_>) -> Outcome {
    list(call, "eval", |state, prefix| {
        let items = beginning_with(&mut state.evals, prefix)
            .filter(|(_, eval)| call.lists(&eval.job_id))
            .map(|(_, eval)| go::encode(&documents::eval(eval)))
            .collect();
        (items, state.tables.evals)
    })
    .await
}

pub(crate) async fn nodes(call: &Call<'_>) -> Outcome {
    list(call, "node", |state, prefix| {
        let listed = state.agent.node.starts_with(prefix);
        let stub = listed.then(|| go::encode(&documents::node_stub(state)));
        (stub.into_iter().collect(), state.tables.nodes)
    })
    .await
}

/// There are none.
pub(crate) async fn deployments(call: &Call<'_>) -> Outcome {
    list(call, "deployment", |_, _| (Vec::new(), 0)).await
}
