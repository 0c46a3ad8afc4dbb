//! The layouts: how a generation of the plugin wants a job's Config. Each generation
//! has a file with both directions, from 2.x and to 2.x.
//!
//! Up to 4.22.07 each task has a Config of its own, as in 2.x ([`split`]). From
//! 4.22.11 on the Src task's Config has everything ([`merged`]). Each generation
//! fails a task outright for a key of the other.
//!
//! A third generation takes a file beside these two, a variant of [`Layout`] with
//! its place in [`Layout::ALL`], and an arm in [`Layout::rules`].

mod merged;
mod split;

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::meta::MetaRecord;
use crate::spec::{JobSpec, TaskSpec};
use crate::wire::{Job, NodeStub, Task, TaskGroup};
use crate::{Driver, Side};

/// The Config of a task.
type Config = Map<String, Value>;

/// A generation of the plugin, by how it wants a job's Config; older ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layout {
    /// Up to 4.22.07: each task has its own Config.
    Split,
    /// From 4.22.11: the Src task has everything.
    Merged,
}

/// How one generation differs from another.
struct Rules {
    /// Its name in settings.
    name: &'static str,
    /// The first release that wants it.
    since: (u32, u32, u32),
    /// Keys that no earlier generation takes. One of them in a Config shows that the
    /// job is written for this generation.
    marks: &'static [&'static str],
    /// The drivers of 2.x that it has a counterpart for.
    drivers: &'static [Driver],
    /// The names that decide the side of a task, out of its own and its group's
    /// name: the second counts where the first names no side.
    decides: fn(group: &TaskGroup, task: &Task) -> [String; 2],
    /// From 2.x: moves the keys of both tasks to where this generation wants them.
    /// The record takes the keys that it has no place for.
    write: fn(configs: &mut Configs, spec: &JobSpec, record: &mut MetaRecord),
    /// To 2.x: the Config of one side, and the driver that its keys belong to.
    read: fn(found: &Found<'_>, side: Side) -> (Config, Driver),
}

/// The Configs of both tasks on their way to Nomad.
#[derive(Debug, Default)]
pub struct Configs {
    /// Of the Src task.
    pub src: Config,
    /// Of the Dest task.
    pub dest: Config,
}

/// The parts of a Nomad job from which a 2.x Config is read.
#[derive(Clone, Copy)]
pub struct Found<'a> {
    /// The Config of the task that is read.
    pub own: &'a Config,
    /// The Config of the job's Src task, if it has one.
    pub src: Option<&'a Config>,
    /// The record in the job's Meta.
    pub record: &'a MetaRecord,
}

impl Layout {
    /// Every generation, older ones first.
    pub const ALL: &[Self] = &[Self::Split, Self::Merged];

    const fn rules(self) -> &'static Rules {
        match self {
            Self::Split => &split::RULES,
            Self::Merged => &merged::RULES,
        }
    }

    /// Its name in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.rules().name
    }

    /// The first release that wants it.
    #[must_use]
    pub fn since(self) -> String {
        let (major, minor, patch) = self.rules().since;
        format!("{major}.{minor}.{patch:02}")
    }

    /// The generation to assume where neither nodes nor setting name one: the
    /// newest.
    #[must_use]
    pub fn newest() -> Self {
        Self::ALL.last().copied().unwrap_or(Self::Merged)
    }

    /// The layout that a plugin release wants: `3.20.10.0`, `4.22.11.0`. `None`
    /// for a text that is no release; plugins can be built without one.
    #[must_use]
    pub fn of_release(release: &str) -> Option<Self> {
        let mut numbers = release.trim().trim_start_matches('v').split('.');
        let mut next = || numbers.next()?.parse::<u32>().ok();
        let version = (next()?, next()?, next()?);
        let mut layouts = Self::ALL.iter().rev().copied();
        layouts.find(|layout| layout.rules().since <= version)
    }

    /// The layout that a job is written in: the newest whose own keys it has.
    #[must_use]
    pub fn of_job(job: &Job) -> Self {
        let has = |key: &&str| {
            let mut tasks = job.task_groups.iter().flat_map(|group| &group.tasks);
            tasks.any(|task| task.config.0.contains_key(*key))
        };
        let layouts = Self::ALL.iter().rev().copied();
        let mut marked = layouts.filter(|layout| layout.rules().marks.iter().any(has));
        marked.next().unwrap_or(Self::Split)
    }

    /// Whether this generation has a counterpart for a driver of 2.x.
    #[must_use]
    pub fn has(self, driver: Driver) -> bool {
        self.rules().drivers.contains(&driver)
    }

    /// The side of a task, by the names that this generation of the plugin goes by.
    #[must_use]
    pub fn side_of(self, group: &TaskGroup, task: &Task) -> Option<Side> {
        let names = (self.rules().decides)(group, task);
        names.iter().find_map(|name| Side::of_name(name))
    }

    /// Puts the keys of both tasks where this generation wants them.
    pub fn write(self, configs: &mut Configs, spec: &JobSpec, record: &mut MetaRecord) {
        (self.rules().write)(configs, spec, record);
    }

    /// The 2.x Config of one side, and the driver that its keys belong to.
    #[must_use]
    pub fn read(self, found: &Found<'_>, side: Side) -> (Config, Driver) {
        (self.rules().read)(found, side)
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that no generation has. It reads as the list of those that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLayout;

impl fmt::Display for UnknownLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = Layout::ALL.iter().map(|it| format!("`{it}`")).collect();
        write!(f, "no layout of the plugin; there are {}", names.join(", "))
    }
}

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(text: &str) -> Result<Self, UnknownLayout> {
        let mut layouts = Self::ALL.iter().copied();
        layouts
            .find(|layout| layout.as_str() == text)
            .ok_or(UnknownLayout)
    }
}

/// Which generation of the plugin the nodes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// All nodes that report a version run this one.
    One(Layout),
    /// No node reports a version.
    Unknown,
    /// The nodes run more than one.
    Mixed,
}

impl Generation {
    /// The generation that the nodes report. Only nodes that are ready and on which
    /// the driver is detected count.
    #[must_use]
    pub fn of_nodes(nodes: &[NodeStub]) -> Self {
        let mut found = None;
        let able = |node: &&NodeStub| node.status == "ready" && node.has_dtle();
        for node in nodes.iter().filter(able) {
            let layout = node
                .drivers
                .get("dtle")
                .and_then(|driver| driver.attributes.get("driver.dtle.version"))
                .and_then(|release| Layout::of_release(release));
            match (found, layout) {
                (Some(known), Some(layout)) if known != layout => return Self::Mixed,
                (None, layout) => found = layout,
                _ => {}
            }
        }
        found.map_or(Self::Unknown, Self::One)
    }
}

/// The object in a block of a Config. A block written as HCL's `ConnectionConfig { …
/// }`, without an equals sign, is registered by the Nomad CLI as a list of one
/// object.
pub(crate) fn block(value: Value) -> Value {
    match value {
        Value::Array(mut items) if matches!(items.as_slice(), [Value::Object(_)]) => {
            items.remove(0)
        }
        other => other,
    }
}

/// Puts a whole key into the record as it was sent, instead of the parts of it that
/// are there.
pub(crate) fn keep_whole(rest: &mut Vec<(String, Value)>, task: &TaskSpec, key: &str) {
    let whole = format!("/{key}");
    let inside = format!("{whole}/");
    rest.retain(|(pointer, _)| *pointer != whole && !pointer.starts_with(&inside));
    if let Some(value) = task.config.0.get(key) {
        rest.push((whole, value.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_changed_with_4_22_11() {
        for (release, layout) in [
            ("3.20.10.0", Some(Layout::Split)),
            ("4.22.07.1", Some(Layout::Split)),
            ("4.22.11.0", Some(Layout::Merged)),
            ("4.23.04.2", Some(Layout::Merged)),
            ("5.0.0", Some(Layout::Merged)),
            ("", None),
            ("--", None),
            ("master", None),
        ] {
            assert_eq!(Layout::of_release(release), layout, "{release}");
        }
    }

    #[test]
    fn a_later_generation_has_a_later_first_release_and_a_name_of_its_own() {
        for pair in Layout::ALL.windows(2) {
            assert!(pair[0].rules().since < pair[1].rules().since);
            assert!(pair[0] < pair[1]);
        }
        for layout in Layout::ALL {
            assert_eq!(layout.as_str().parse(), Ok(*layout));
        }
        assert_eq!("both".parse::<Layout>(), Err(UnknownLayout));
        let named = UnknownLayout.to_string();
        for layout in Layout::ALL {
            assert!(named.contains(layout.as_str()), "{named}");
        }
    }
}
