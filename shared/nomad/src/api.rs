//! One typed method for each of Nomad's routes.

use std::collections::BTreeMap;

use bytes::Bytes;
use dtle_translate::wire::{
    AgentMembers, AgentSelf, Allocation, AllocationStub, Deregistered, Evaluation, Job, JobStub,
    JobSummary, Node, NodeEvaluated, NodeStub, RaftConfiguration, Registered, Validated,
};
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::placed::Placed;
use super::transport::{ATTEMPT, Outgoing, Repeat, bytes};
use super::{Error, QueryMeta, Read, ReadOptions, Session};

/// A prefix that no ID has.
const NOTHING: &str = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/// What Nomad lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Jobs with their counts.
    Jobs,
    /// Allocations.
    Allocations,
    /// Evaluations.
    Evaluations,
    /// Nodes.
    Nodes,
}

impl Table {
    const fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Allocations => "allocations",
            Self::Evaluations => "evaluations",
            Self::Nodes => "nodes",
        }
    }
}

/// The body of a register.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Registration<'a> {
    job: Placed<'a>,
    enforce_index: bool,
    job_modify_index: u64,
}

impl Session<'_> {
    // --- jobs ---

    /// `GET /v1/jobs`: stubs, without Config and Meta.
    ///
    /// # Errors
    /// As every call: see [`Error`].
    pub async fn jobs(&self, options: &ReadOptions) -> Result<Read<Vec<JobStub>>, Error> {
        self.read(&["v1", "jobs"], options).await
    }

    /// `GET /v1/jobs` as it stands, to be read with
    /// [`stubs`](super::stubs) if it has changed.
    ///
    /// # Errors
    /// As every call.
    pub async fn jobs_text(&self, options: &ReadOptions) -> Result<Read<Bytes>, Error> {
        self.text(&["v1", "jobs"], options).await
    }

    /// The index that every list of these things has now, and so whether a list that
    /// was read before still holds: the list with a prefix that nothing has. Nomad
    /// 1.1.2 to 2.0.5 answer a list with the index of its tables, whatever the prefix.
    ///
    /// # Errors
    /// As every call.
    pub async fn index(&self, table: Table) -> Result<Option<QueryMeta>, Error> {
        let options = ReadOptions {
            prefix: Some(NOTHING.to_owned()),
            ..ReadOptions::default()
        };
        let nothing = self.text(&["v1", table.name()], &options).await?;
        Ok(nothing.meta)
    }

    /// The same for several, in their order, all asked at once; `None` when one answer
    /// has no index.
    ///
    /// # Errors
    /// As every call.
    pub async fn indexes(
        &self,
        tables: impl IntoIterator<Item = Table>,
    ) -> Result<Option<Vec<QueryMeta>>, Error> {
        let asked = tables.into_iter().map(|table| self.index(table));
        let metas = futures_util::future::try_join_all(asked).await?;
        Ok(metas.into_iter().collect())
    }

    /// `GET /v1/job/{id}`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn job(&self, id: &str, options: &ReadOptions) -> Result<Read<Job>, Error> {
        self.read_job(&["v1", "job", id], options).await
    }

    async fn read_job(&self, segments: &[&str], options: &ReadOptions) -> Result<Read<Job>, Error> {
        let Read { value, meta } = self.text(segments, options).await?;
        let value = super::job(&value)?;
        Ok(Read { value, meta })
    }

    /// `GET /v1/job/{id}` for an ID out of Nomad's own list. It may hold slashes,
    /// which Nomad takes in the path as they are. Where they lead to another of
    /// its routes (`x/allocations`) nothing is found.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn listed_job(&self, id: &str, options: &ReadOptions) -> Result<Read<Job>, Error> {
        let segments: Vec<&str> = ["v1", "job"].into_iter().chain(id.split('/')).collect();
        let answer = self.read_job(&segments, options).await;
        let has_slash = segments.len() > 3;
        match answer {
            Ok(job) if has_slash && job.value.id != id => Err(Error::NotFound { meta: job.meta }),
            Err(Error::Unreadable { .. } | Error::Rejected { .. }) if has_slash => {
                Err(Error::NotFound { meta: None })
            }
            answer => answer,
        }
    }

    /// `GET /v1/job/{id}` as it stands, to be read with
    /// [`job_document`](super::job_document), for writing it back, or with
    /// [`job_version`](super::job_version).
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn job_text(&self, id: &str) -> Result<Read<Bytes>, Error> {
        self.text(&["v1", "job", id], &ReadOptions::default()).await
    }

    /// `GET /v1/job/{id}/summary`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn job_summary(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<JobSummary>, Error> {
        self.read(&["v1", "job", id, "summary"], options).await
    }

    /// `GET /v1/job/{id}/versions`: documents of the last changes, oldest first, or
    /// as much of them as `T` takes. Nomad keeps six, unless `job_tracked_versions`
    /// says otherwise, and may keep a stable or a tagged one of long ago besides.
    /// None for a job that is not there.
    ///
    /// # Errors
    /// As every call.
    pub async fn job_versions<T: DeserializeOwned>(&self, id: &str) -> Result<Vec<T>, Error> {
        let answer: Result<Read<dtle_translate::wire::Versions<T>>, Error> = self
            .read(&["v1", "job", id, "versions"], &ReadOptions::default())
            .await;
        let mut versions = match answer {
            Ok(answer) => answer.value.versions,
            Err(Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        versions.reverse();
        Ok(versions)
    }

    /// `GET /v1/job/{id}/allocations`: empty for a job that is not there.
    ///
    /// # Errors
    /// As every call.
    pub async fn job_allocations(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<Vec<AllocationStub>>, Error> {
        self.read(&["v1", "job", id, "allocations"], options).await
    }

    /// `GET /v1/job/{id}/allocations` as it stands, to be read with
    /// [`allocation_stubs`](super::allocation_stubs) if it has changed.
    ///
    /// # Errors
    /// As every call.
    pub async fn job_allocations_text(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<Bytes>, Error> {
        self.text(&["v1", "job", id, "allocations"], options).await
    }

    /// `GET /v1/job/{id}/evaluations`: empty for a job that is not there.
    ///
    /// # Errors
    /// As every call.
    pub async fn job_evaluations(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<Vec<Evaluation>>, Error> {
        self.read(&["v1", "job", id, "evaluations"], options).await
    }

    /// `PUT /v1/jobs` in the gateway's namespace, whatever the document says, and
    /// always as compare-and-set: `expected` is the JobModifyIndex that the job
    /// must have now, 0 for "there is none".
    ///
    /// # Errors
    /// [`Error::Conflict`] when the index is another.
    pub async fn register(
        &self,
        job: &Map<String, Value>,
        expected: u64,
    ) -> Result<Registered, Error> {
        let body = Registration {
            job: self.placed(job),
            enforce_index: true,
            job_modify_index: expected,
        };
        self.write(
            Method::PUT,
            &["v1", "jobs"],
            &[],
            Some(bytes(&body)?),
            Repeat::Checked,
        )
        .await
    }

    /// `DELETE /v1/job/{id}?purge=true`.
    ///
    /// # Errors
    /// [`Error::InDoubt`] when it was sent and no answer came.
    pub async fn deregister(&self, id: &str) -> Result<Deregistered, Error> {
        self.write(
            Method::DELETE,
            &["v1", "job", id],
            &[("purge", "true")],
            None,
            Repeat::WhenNotApplied,
        )
        .await
    }

    /// `PUT /v1/validate/job`.
    ///
    /// # Errors
    /// As every call.
    pub async fn validate(&self, job: &Map<String, Value>) -> Result<Validated, Error> {
        let body = BTreeMap::from([("Job", self.placed(job))]);
        self.write(
            Method::PUT,
            &["v1", "validate", "job"],
            &[],
            Some(bytes(&body)?),
            Repeat::Always,
        )
        .await
    }

    fn placed<'b>(&'b self, job: &'b Map<String, Value>) -> Placed<'b> {
        Placed {
            job,
            namespace: self.client.namespace(),
        }
    }

    /// Nomad finds an allocation and an evaluation by its ID in every namespace,
    /// and lists those of all namespaces on a node.
    fn is_own(&self, namespace: &str) -> bool {
        namespace.is_empty() || namespace == self.client.namespace()
    }

    // --- allocations ---

    /// `GET /v1/allocations`.
    ///
    /// # Errors
    /// As every call.
    pub async fn allocations(
        &self,
        options: &ReadOptions,
    ) -> Result<Read<Vec<AllocationStub>>, Error> {
        self.read(&["v1", "allocations"], options).await
    }

    /// `GET /v1/allocations?prefix={id}`: how an allocation is now, without its job;
    /// `None` when it is gone.
    ///
    /// # Errors
    /// As every call.
    pub async fn allocation_state(&self, id: &str) -> Result<Option<AllocationStub>, Error> {
        let options = ReadOptions {
            prefix: Some(id.to_owned()),
            ..ReadOptions::default()
        };
        let list: Read<Vec<AllocationStub>> = self.read(&["v1", "allocations"], &options).await?;
        Ok(list.value.into_iter().find(|state| state.id == id))
    }

    /// `GET /v1/allocation/{id}`, with the job it was made for.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn allocation(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<Allocation>, Error> {
        let found: Read<Allocation> = self.read(&["v1", "allocation", id], options).await?;
        match self.is_own(&found.value.stub.namespace) {
            true => Ok(found),
            false => Err(Error::NotFound { meta: found.meta }),
        }
    }

    /// `PUT /v1/client/allocation/{id}/signal`. The dtle driver answers the
    /// signal `stats` with an error that holds the statistics; so the text is
    /// returned whatever the status was.
    ///
    /// # Errors
    /// As every call, 404 and 403 included; not for other statuses.
    pub async fn signal(&self, id: &str, task: &str, signal: &str) -> Result<String, Error> {
        let body = json!({"Signal": signal, "Task": task});
        let incoming = self
            .send(&Outgoing {
                method: Method::PUT,
                path: self
                    .target(&["v1", "client", "allocation", id, "signal"], &[])
                    .await?,
                body: Some(bytes(&body)?),
                repeat: Repeat::Always,
                attempt: ATTEMPT,
            })
            .await?;
        match incoming.status {
            403 | 404 => Err(incoming.error()),
            _ => Ok(incoming.text()),
        }
    }

    // --- evaluations ---

    /// `GET /v1/evaluations`.
    ///
    /// # Errors
    /// As every call.
    pub async fn evaluations(&self, options: &ReadOptions) -> Result<Read<Vec<Evaluation>>, Error> {
        self.read(&["v1", "evaluations"], options).await
    }

    /// `GET /v1/evaluation/{id}`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn evaluation(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<Evaluation>, Error> {
        let found: Read<Evaluation> = self.read(&["v1", "evaluation", id], options).await?;
        match self.is_own(&found.value.namespace) {
            true => Ok(found),
            false => Err(Error::NotFound { meta: found.meta }),
        }
    }

    /// `GET /v1/evaluation/{id}/allocations`.
    ///
    /// # Errors
    /// As every call.
    pub async fn evaluation_allocations(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<Vec<AllocationStub>>, Error> {
        let mut found: Read<Vec<AllocationStub>> = self
            .read(&["v1", "evaluation", id, "allocations"], options)
            .await?;
        found.value.retain(|stub| self.is_own(&stub.namespace));
        Ok(found)
    }

    // --- nodes ---

    /// `GET /v1/nodes`.
    ///
    /// # Errors
    /// As every call.
    pub async fn nodes(&self, options: &ReadOptions) -> Result<Read<Vec<NodeStub>>, Error> {
        self.read(&["v1", "nodes"], options).await
    }

    /// `GET /v1/node/{id}`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn node(&self, id: &str, options: &ReadOptions) -> Result<Read<Node>, Error> {
        self.read(&["v1", "node", id], options).await
    }

    /// `GET /v1/node/{id}/allocations`, each with its job.
    ///
    /// # Errors
    /// As every call.
    pub async fn node_allocations(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<Vec<Allocation>>, Error> {
        let mut found: Read<Vec<Allocation>> = self
            .read(&["v1", "node", id, "allocations"], options)
            .await?;
        found.value.retain(|one| self.is_own(&one.stub.namespace));
        Ok(found)
    }

    /// `PUT /v1/node/{id}/evaluate`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such node.
    pub async fn node_evaluate(&self, id: &str) -> Result<NodeEvaluated, Error> {
        self.write(
            Method::PUT,
            &["v1", "node", id, "evaluate"],
            &[],
            None,
            Repeat::WhenNotApplied,
        )
        .await
    }

    // --- the cluster ---

    /// `GET /v1/status/leader`: `ip:port`.
    ///
    /// # Errors
    /// As every call.
    pub async fn leader(&self) -> Result<String, Error> {
        self.plain(&["v1", "status", "leader"]).await
    }

    /// `GET /v1/status/peers`: `ip:port` each.
    ///
    /// # Errors
    /// As every call.
    pub async fn peers(&self) -> Result<Vec<String>, Error> {
        self.plain(&["v1", "status", "peers"]).await
    }

    /// `GET /v1/regions`: all that the servers know of.
    pub(super) async fn all_regions(&self) -> Result<Vec<String>, Error> {
        self.plain(&["v1", "regions"]).await
    }

    /// `GET /v1/agent/members`: the servers of all regions.
    pub(super) async fn all_members(&self) -> Result<AgentMembers, Error> {
        self.plain(&["v1", "agent", "members"]).await
    }

    /// `GET /v1/agent/self`.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent_self(&self) -> Result<AgentSelf, Error> {
        self.plain(&["v1", "agent", "self"]).await
    }

    /// `GET /v1/agent/servers`: the servers that an agent's client half talks
    /// to, `ip:port` each.
    ///
    /// # Errors
    /// As every call; 501 from an agent that is a server only.
    pub async fn agent_servers(&self) -> Result<Vec<String>, Error> {
        self.plain(&["v1", "agent", "servers"]).await
    }

    /// `PUT /v1/agent/servers?address=…`.
    ///
    /// # Errors
    /// As every call.
    pub async fn set_agent_servers(&self, addresses: &[String]) -> Result<(), Error> {
        let query: Vec<_> = addresses.iter().map(|a| ("address", a.as_str())).collect();
        self.command(Method::PUT, &["v1", "agent", "servers"], &query)
            .await
    }

    /// `PUT /v1/agent/join?address=…`: number joined, and an error's text.
    ///
    /// # Errors
    /// As every call.
    pub async fn join(&self, addresses: &[String]) -> Result<dtle_translate::wire::Joined, Error> {
        let query: Vec<_> = addresses.iter().map(|a| ("address", a.as_str())).collect();
        self.write(
            Method::PUT,
            &["v1", "agent", "join"],
            &query,
            None,
            Repeat::WhenNotApplied,
        )
        .await
    }

    /// `PUT /v1/agent/force-leave?node=…`, whatever region the server is in.
    pub(super) async fn give_up(&self, node: &str) -> Result<(), Error> {
        self.command(
            Method::PUT,
            &["v1", "agent", "force-leave"],
            &[("node", node)],
        )
        .await
    }

    /// `GET /v1/operator/raft/configuration`.
    ///
    /// # Errors
    /// As every call.
    pub async fn raft_configuration(&self) -> Result<RaftConfiguration, Error> {
        self.plain(&["v1", "operator", "raft", "configuration"])
            .await
    }

    /// `DELETE /v1/operator/raft/peer?id=…`. Nomad from 1.4 on takes no address, and all
    /// take an ID.
    ///
    /// # Errors
    /// As every call.
    pub async fn raft_remove_peer(&self, id: &str) -> Result<(), Error> {
        self.command(
            Method::DELETE,
            &["v1", "operator", "raft", "peer"],
            &[("id", id)],
        )
        .await
    }
}
