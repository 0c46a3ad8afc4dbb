//! Allocations of the jobs that a caller may see.

use crate::error::Error;

/// Refuses an ID that cannot be one before Nomad answers it with a 500.
///
/// # Errors
/// 404 in the words of the route.
pub fn check_uuid(id: &str, not_found: &'static str) -> Result<(), Error> {
    let is_uuid = id.len() == 36
        && id
            .bytes()
            .enumerate()
            .all(|(position, byte)| match position {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
    if is_uuid {
        Ok(())
    } else {
        Err(Error::not_found(not_found))
    }
}
