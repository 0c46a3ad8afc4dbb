//! Where a value stands in a body.
//!
//! Every key of every body has such a place, and hardly one of them is ever named: so it
//! is a chain of steps, and a text only where something is said of it.

use std::fmt;

/// A place: shown, it reads `Tasks[0].Config.Gtid`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At<'a> {
    /// Where the chain begins.
    Root(&'a str),
    /// A key of an object.
    Key(&'a Self, &'a str),
    /// An item of an array.
    Item(&'a Self, usize),
}

impl At<'_> {
    /// The place as a JSON pointer (RFC 6901) below the beginning of the chain.
    pub(crate) fn pointer(&self) -> String {
        match self {
            Self::Root(_) => String::new(),
            Self::Key(above, name) => {
                let name = name.replace('~', "~0").replace('/', "~1");
                format!("{}/{name}", above.pointer())
            }
            Self::Item(above, number) => format!("{}/{number}", above.pointer()),
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Key(above, name) => write!(f, "{above}.{name}"),
            Self::Item(above, number) => write!(f, "{above}[{number}]"),
        }
    }
}
