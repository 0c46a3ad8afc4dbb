//! Callers' tokens: the list of them, how one is found, how one is made.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dtle_outbound::Secret;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Read what shows no password.
    Read,
    /// Everything.
    Write,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub(super) name: String,
    pub(super) scope: Scope,
    salt: String,
    hash: [u8; 32],
}

/// Why a list of tokens cannot be used. Nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokensError {
    /// Not the JSON that it should be.
    #[error(r#"tokens: not {{"tokens": [{{"name", "scope", "salt", "hash"}}]}}: {0}"#)]
    Json(String),
    /// An empty list would let nobody in.
    #[error("tokens: the list is empty, nobody could call")]
    Empty,
    /// A name that cannot go into a log line.
    #[error("tokens: entry {0}: a name has 1 to 64 letters, digits and . _ -")]
    Name(usize),
    /// Two tokens of one name cannot be told apart in a log.
    #[error("tokens: the name `{0}` is there twice")]
    Twice(String),
    /// A salt that is too short.
    #[error("tokens: `{0}`: a salt has 16 characters or more")]
    Salt(String),
    /// A hash that is none.
    #[error("tokens: `{0}`: the hash is not a SHA-256 in hex or base64")]
    Hash(String),
    /// The file that `DTLE_TOKENS` names cannot be read.
    #[error("DTLE_TOKENS: cannot read {path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// The system has no random numbers.
    #[error("no random numbers")]
    Random,
}

/// The tokens that are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens(pub(super) Vec<Token>);

/// An entry as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Who has the token: it is in the log of every request, and says which entry
    /// to take out when the token has to go.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// Random text, another for each token.
    pub salt: String,
    /// SHA-256 over salt and token.
    pub hash: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    tokens: Vec<Entry>,
}

impl Tokens {
    /// Reads a list.
    ///
    /// # Errors
    /// When an entry cannot be used: one that is passed over would be a token that
    /// somebody believes to have revoked, or given out.
    pub fn parse(text: &str) -> Result<Self, TokensError> {
        // serde_json quotes what it did not expect, which could be a hash; the
        // place is enough to find it.
        let Document { tokens } = serde_json::from_str(text).map_err(|error| {
            TokensError::Json(format!("line {}, column {}", error.line(), error.column()))
        })?;
        let mut known: Vec<Token> = Vec::with_capacity(tokens.len());
        for (position, entry) in tokens.into_iter().enumerate() {
            if !is_name(&entry.name) {
                return Err(TokensError::Name(position + 1));
            }
            if known.iter().any(|token| token.name == entry.name) {
                return Err(TokensError::Twice(entry.name));
            }
            if entry.salt.len() < 16 {
                return Err(TokensError::Salt(entry.name));
            }
            let Some(hash) = hash_of_text(&entry.hash) else {
                return Err(TokensError::Hash(entry.name));
            };
            known.push(Token {
                name: entry.name,
                scope: entry.scope,
                salt: entry.salt,
                hash,
            });
        }
        if known.is_empty() {
            return Err(TokensError::Empty);
        }
        Ok(Self(known))
    }

    /// Reads the value of `DTLE_TOKENS` or `--tokens`: JSON text, or the path of a
    /// file that holds it.
    ///
    /// # Errors
    /// As [`Tokens::parse`], and when the file cannot be read.
    pub fn load(setting: &str) -> Result<Self, TokensError> {
        if setting.trim_start().starts_with('{') {
            return Self::parse(setting);
        }
        let text = std::fs::read_to_string(setting).map_err(|cause| TokensError::File {
            path: setting.to_owned(),
            cause: cause.to_string(),
        })?;
        Self::parse(&text)
    }

    /// The entry for a token. Every entry is looked at whatever comes of it, and
    /// hashes are compared in constant time: how long it takes says nothing of
    /// which one matched, or how nearly.
    pub(super) fn find(&self, token: &str) -> Option<&Token> {
        let mut found = u32::MAX;
        for (index, known) in (0..).zip(&self.0) {
            let same: Choice = hash(&known.salt, token).ct_eq(&known.hash);
            found.conditional_assign(&index, same);
        }
        self.0.get(usize::try_from(found).ok()?)
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(fits)
}

pub(super) fn hash(salt: &str, token: &str) -> [u8; 32] {
    let text = [salt.as_bytes(), token.as_bytes()].concat();
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &text).as_ref());
    hash
}

fn hash_of_text(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return STANDARD.decode(text).ok()?.try_into().ok();
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        // from_str_radix would take a sign.
        if !pair.bytes().all(|c| c.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(hash)
}

/// Makes a token: what the caller gets, once, and the entry to keep.
///
/// # Errors
/// When the name cannot be used, or the system has no random numbers.
pub fn new_token(name: &str, scope: Scope) -> Result<(Secret, Entry), TokensError> {
    if !is_name(name) {
        return Err(TokensError::Name(1));
    }
    let random = SystemRandom::new();
    let (mut token, mut salt) = ([0; 32], [0; 16]);
    random.fill(&mut token).map_err(|_| TokensError::Random)?;
    random.fill(&mut salt).map_err(|_| TokensError::Random)?;
    let (token, salt) = (URL_SAFE_NO_PAD.encode(token), hex(&salt));
    let entry = Entry {
        name: name.to_owned(),
        scope,
        hash: hex(&hash(&salt, &token)),
        salt,
    };
    Ok((Secret::new(token), entry))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
