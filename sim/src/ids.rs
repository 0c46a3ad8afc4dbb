//! How go-memdb, Nomad's store, checks the IDs that it is asked for.

use crate::call::Answer;

/// A whole UUID, in lower case. `what` is Nomad's word for the object.
pub(crate) fn check(id: &str, what: &str) -> Result<String, Answer> {
    if id.len() != 36 {
        return Err(refused(what, "UUID must be 36 characters"));
    }
    check_prefix(id, what)
}

/// The beginning of a UUID, in lower case.
pub(crate) fn check_prefix(prefix: &str, what: &str) -> Result<String, Answer> {
    let (length, hyphens) = (prefix.len(), prefix.matches('-').count());
    let odd = prefix.chars().find(|c| *c != '-' && !c.is_ascii_hexdigit());
    let why = if length > 36 {
        format!("Invalid UUID length. UUID have 36 characters; got {length}")
    } else if hyphens > 4 {
        format!("UUID should have maximum of 4 \"-\"; got {hyphens}")
    } else if !(length - hyphens).is_multiple_of(2) {
        "Input (without hyphens) must be even length".to_owned()
    } else if let Some(odd) = odd {
        let code = u32::from(odd);
        format!("Invalid UUID: encoding/hex: invalid byte: U+{code:04X} {odd:?}")
    } else {
        return Ok(prefix.to_ascii_lowercase());
    };
    Err(refused(what, &why))
}

fn refused(what: &str, why: &str) -> Answer {
    Answer::text(500, format!("{what} lookup failed: index error: {why}"))
}
