//! An answer that is kept to be sent again.

use std::sync::OnceLock;

use super::{compress, etag};

/// An answer's JSON, and the same compressed once somebody has asked for that.
#[derive(Debug)]
pub struct Rendered {
    plain: String,
    zipped: OnceLock<Option<Vec<u8>>>,
    tag: OnceLock<u64>,
}

impl Rendered {
    /// Of JSON on one line.
    #[must_use]
    pub const fn new(plain: String) -> Self {
        Self {
            plain,
            zipped: OnceLock::new(),
            tag: OnceLock::new(),
        }
    }

    /// As it is sent.
    #[must_use]
    pub fn plain(&self) -> &str {
        &self.plain
    }

    /// What tells it from another answer.
    pub(super) fn tag(&self) -> u64 {
        *self.tag.get_or_init(|| etag::tag(&self.plain))
    }

    /// Compressed.
    pub(super) fn zipped(&self) -> Option<&[u8]> {
        self.zipped.get_or_init(|| compress(&self.plain)).as_deref()
    }
}

impl PartialEq for Rendered {
    fn eq(&self, other: &Self) -> bool {
        self.plain == other.plain
    }
}
