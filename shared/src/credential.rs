//! A token that this program shows to Nomad or Consul: set, or kept in Secrets
//! Manager and renewed from there.

use std::fmt;

use crate::secret::Secret;
use crate::secrets::{SecretError, Source, token_of};

/// A token of this program's own.
pub enum Credential {
    /// As it was set.
    Fixed(Secret),
    /// In Secrets Manager.
    Managed(Source),
}

impl Credential {
    /// A token that was set, or one in Secrets Manager; the former wins.
    #[must_use]
    pub fn choose(fixed: Option<Secret>, managed: Option<Source>) -> Option<Self> {
        fixed.map(Self::Fixed).or(managed.map(Self::Managed))
    }

    /// The token.
    ///
    /// # Errors
    /// When Secrets Manager gives none.
    pub async fn get(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Fixed(token) => Ok(token.clone()),
            Self::Managed(source) => token_of(source, &source.get().await?),
        }
    }

    /// Another token, because this one was refused; `None` when there is none.
    pub async fn renew(&self) -> Option<Secret> {
        let Self::Managed(source) = self else {
            return None;
        };
        let refused = source.get().await.ok()?;
        let renewed = source.refresh(&refused).await.ok()??;
        token_of(source, &renewed).ok()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(_) => f.write_str("Credential(set)"),
            Self::Managed(source) => write!(f, "Credential({})", source.arn()),
        }
    }
}
