//! A token that this program shows to Nomad or Consul: set, or kept in Secrets
//! Manager and renewed from there.

use std::fmt;

use crate::outbound::secrets::{Source, token_of};
use dtle_outbound::{Boxed, Secret, TokenSource};

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
}

impl TokenSource for Credential {
    fn token(&self) -> Boxed<'_, Result<Secret, String>> {
        Box::pin(async move {
            match self {
                Self::Fixed(token) => Ok(token.clone()),
                Self::Managed(source) => match source.get().await {
                    Ok(secret) => token_of(source, &secret),
                    Err(error) => Err(error),
                }
                .map_err(|error| error.to_string()),
            }
        })
    }

    fn renewed(&self) -> Boxed<'_, Option<Secret>> {
        Box::pin(async move {
            let Self::Managed(source) = self else {
                return None;
            };
            let refused = source.get().await.ok()?;
            let renewed = source.refresh(&refused).await.ok()??;
            token_of(source, &renewed).ok()
        })
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
