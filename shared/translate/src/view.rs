//! A Nomad job seen as a replication: the side of each task, the generation of the
//! plugin that the job is written for, and the record of the 2.x job in its Meta.

use super::{Layout, MetaRecord, Side};
use crate::wire::{Job, Task, TaskGroup};

/// A Nomad job seen as a replication.
#[derive(Clone, Debug)]
pub struct JobView<'a> {
    /// The job.
    pub job: &'a Job,
    /// The record in the job's Meta; an empty one for a job that others registered.
    pub kept: MetaRecord,
    /// The generation of the plugin that the job's Config is written for.
    pub layout: Layout,
    /// The job's tasks in their order, each with its side and its group.
    pub tasks: Vec<(Side, &'a TaskGroup, &'a Task)>,
}

impl<'a> JobView<'a> {
    /// Makes the view of a job.
    #[must_use]
    pub fn new(job: &'a Job) -> Self {
        let layout = Layout::of_job(job);
        let mut tasks = Vec::new();
        for group in &job.task_groups {
            for task in &group.tasks {
                let side = layout
                    .side_of(group, task)
                    // The plugin itself would refuse such a name.
                    .unwrap_or(if tasks.is_empty() {
                        Side::Src
                    } else {
                        Side::Dest
                    });
                tasks.push((side, group, task));
            }
        }
        Self {
            job,
            kept: MetaRecord::of_meta(&job.meta),
            layout,
            tasks,
        }
    }

    /// The 2.x Name. A job that others registered has Nomad's Name.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.kept.name {
            Some(name) => name,
            None if self.job.name.is_empty() => &self.job.id,
            None => &self.job.name,
        }
    }

    /// The side of an allocation's group.
    #[must_use]
    pub fn side_of_group(&self, group: &str) -> Option<Side> {
        self.tasks
            .iter()
            .find(|(_, candidate, _)| candidate.name == group)
            .map(|(side, _, _)| *side)
    }

    /// The side of a task of a group.
    #[must_use]
    pub fn side_of_task(&self, group: &str, task: &str) -> Option<Side> {
        self.tasks
            .iter()
            .find(|(_, g, t)| g.name == group && t.name == task)
            .map(|(side, _, _)| *side)
    }

    /// Whether the job is paused: it is not stopped, and the Count of every group is
    /// 0. No mark in Meta says so, because a mark could contradict the Counts.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        is_paused(self.job)
    }
}

/// As [`JobView::is_paused`].
pub(super) fn is_paused(job: &Job) -> bool {
    !job.stop && !job.task_groups.is_empty() && job.task_groups.iter().all(|g| g.count == 0)
}
