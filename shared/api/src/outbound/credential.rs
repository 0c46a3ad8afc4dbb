//! A token that this program shows to Nomad or Consul: set, or in a file, or in
//! Secrets Manager. The last two are renewed from there.

use std::fmt;
use std::path::Path;

use dtle_outbound::{Boxed, Secret, TokenSource};

use crate::outbound::secrets::{Source, token_in, token_of};
use crate::watched::{Watched, WatchedError};

/// A token of this program's own.
pub enum Credential {
    /// As it was set.
    Fixed(Secret),
    /// In a file.
    File(Watched<Secret>),
    /// In Secrets Manager.
    Managed(Source),
}

impl Credential {
    /// A token in a file, or one that was set, or one in Secrets Manager; the first
    /// that there is, which is the order of Consul's own tools. `setting` is the name
    /// of the setting for the file.
    ///
    /// # Errors
    /// When the file cannot be read or holds no token.
    pub fn choose(
        setting: &'static str,
        file: Option<&Path>,
        fixed: Option<Secret>,
        managed: Option<Source>,
    ) -> Result<Option<Self>, WatchedError> {
        let Some(file) = file else {
            return Ok(fixed.map(Self::Fixed).or(managed.map(Self::Managed)));
        };
        let understand = |text: &str| {
            let fault = r#"holds neither a token nor {"token": "…"}"#;
            token_in(text).ok_or_else(|| fault.to_owned())
        };
        Ok(Some(Self::File(Watched::open(setting, file, understand)?)))
    }

    /// The file that the token is in, if it is in one.
    #[must_use]
    pub fn file(&self) -> Option<&Watched<Secret>> {
        match self {
            Self::File(file) => Some(file),
            Self::Fixed(_) | Self::Managed(_) => None,
        }
    }
}

impl TokenSource for Credential {
    fn token(&self) -> Boxed<'_, Result<Secret, String>> {
        Box::pin(async move {
            match self {
                Self::Fixed(token) => Ok(token.clone()),
                Self::File(file) => Ok(file.get()),
                Self::Managed(source) => match source.get().await {
                    Ok(secret) => token_of(source, &secret),
                    Err(error) => Err(error),
                }
                .map_err(|error| error.to_string()),
            }
        })
    }

    fn renewed<'a>(&'a self, refused: &'a Secret) -> Boxed<'a, Option<Secret>> {
        Box::pin(async move {
            match self {
                Self::Fixed(_) => None,
                Self::File(file) => Some(file.look()).filter(|token| token != refused),
                Self::Managed(source) => {
                    let kept = source.get().await.ok()?;
                    let renewed = source.refresh(&kept).await.ok()??;
                    token_of(source, &renewed).ok()
                }
            }
        })
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(_) => f.write_str("Credential(set)"),
            Self::File(file) => write!(f, "Credential({file:?})"),
            Self::Managed(source) => write!(f, "Credential({})", source.arn()),
        }
    }
}
