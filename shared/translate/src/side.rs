//! The few words that everything else is said in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The two ends of a replication: 2.x's task types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    /// Reads the source.
    Src,
    /// Writes the destination.
    Dest,
}

impl Side {
    /// 2.x's spelling, which is also how groups and tasks are named in Nomad.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Src => "Src",
            Self::Dest => "Dest",
        }
    }

    /// The side that a group or task of this name is for the plugin.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let is = |word: &str| name.eq_ignore_ascii_case(word);
        if is("src") || is("source") {
            Some(Self::Src)
        } else if is("dst") || is("dest") || is("destination") {
            Some(Self::Dest)
        } else {
            None
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a task talks to: 2.x's drivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Driver {
    /// A MySQL server.
    #[default]
    MySQL,
    /// Kafka, as a destination.
    Kafka,
    /// Oracle, as a source.
    Oracle,
}

impl Driver {
    /// 2.x's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MySQL => "MySQL",
            Self::Kafka => "Kafka",
            Self::Oracle => "Oracle",
        }
    }

    /// Reads 2.x's spelling.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::MySQL, Self::Kafka, Self::Oracle]
            .into_iter()
            .find(|driver| driver.as_str() == name)
    }
}

/// How a generation of the plugin wants its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Up to 4.22.07: each task has its own.
    Split,
    /// From 4.22.11: the Src task has everything.
    Merged,
}

impl Layout {
    /// The layout that a plugin release wants: `3.20.10.0`, `4.22.11.0`. `None`
    /// for a text that is no release; plugins can be built without one.
    #[must_use]
    pub fn of_release(release: &str) -> Option<Self> {
        let mut numbers = release.trim().trim_start_matches('v').split('.');
        let mut next = || numbers.next()?.parse::<u32>().ok();
        let version = (next()?, next()?, next()?);
        Some(if version >= (4, 22, 11) {
            Self::Merged
        } else {
            Self::Split
        })
    }
}

impl FromStr for Layout {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "split" => Ok(Self::Split),
            "merged" => Ok(Self::Merged),
            _ => Err(()),
        }
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
}
