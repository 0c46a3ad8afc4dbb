//! The two ends of a replication, and what a task at either end talks to.

use std::fmt;

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
