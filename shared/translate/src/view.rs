//! A Nomad job, looked at as a replication: which group is which side, which
//! generation it was written for, what was kept of the 2.x job.

use super::{Layout, MetaRecord, Side};
use crate::wire::{Job, Task, TaskGroup};

/// A Nomad job, looked at as a replication.
#[derive(Clone, Debug)]
pub struct JobView<'a> {
    /// The job.
    pub job: &'a Job,
    /// What was kept of the 2.x job.
    pub kept: MetaRecord,
    /// The generation its Config is written for.
    pub layout: Layout,
    /// Its tasks in their order, each with its group.
    pub tasks: Vec<(Side, &'a TaskGroup, &'a Task)>,
}

impl<'a> JobView<'a> {
    /// Looks at a job.
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

    /// The 2.x Name; of jobs that others registered, Nomad's.
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

    /// Whether the job is paused: no group is to run, and the job is not
    /// stopped. The counts say so by themselves; a mark could contradict them.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        is_paused(self.job)
    }
}

/// As [`JobView::is_paused`].
pub(super) fn is_paused(job: &Job) -> bool {
    !job.stop && !job.task_groups.is_empty() && job.task_groups.iter().all(|g| g.count == 0)
}
