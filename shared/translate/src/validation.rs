//! The validation of a task, as far as it is possible without its database.

use super::spec::TaskSpec;
use crate::v2::TaskValidation;

/// The report on one task. A check that was not made reads false and has no
/// error; none reads true, since none was seen to pass. What can be said of the
/// Config itself, [`check`](super::check) has said before.
#[must_use]
pub fn of_task(task: &TaskSpec) -> TaskValidation {
    TaskValidation {
        kind: task.side.to_string(),
        ..TaskValidation::default()
    }
}
