//! The settings, from the environment.
//!
//! Names are those of Nomad's own tools wherever they have one, so that a shell
//! in which `nomad status` works needs nothing more. A setting that cannot be
//! understood stops the process with a line that names it: a gateway that
//! guesses is worse than one that does not start.

use std::path::PathBuf;
use std::time::Duration;

use dtle_nomad::{NomadSettings, Process};
use dtle_outbound::{Secret, Url};
use dtle_translate::Layout;
use dtle_translate::policy::JobPolicy;

use crate::request::Origins;

/// The Consul in which the plugin keeps its progress.
#[derive(Clone, Debug)]
pub struct ConsulSettings {
    /// `CONSUL_HTTP_ADDR`.
    pub address: Url,
    /// `CONSUL_HTTP_TOKEN`.
    pub token: Option<Secret>,
    /// `CONSUL_HTTP_TOKEN_FILE`: as `NOMAD_TOKEN_FILE`.
    pub token_file: Option<PathBuf>,
}

/// All settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How Nomad is reached.
    pub nomad: NomadSettings,
    /// `CONSUL_HTTP_ADDR`. Without it, Config shows what was registered.
    pub consul: Option<ConsulSettings>,
    /// `DTLE_PLUGIN_ADDRS`: where the plugins serve their metrics, a node each.
    pub plugins: Vec<Url>,
    /// `DTLE_LAYOUT`: which generation of the plugin jobs are written for,
    /// when the nodes should not be asked.
    pub layout: Option<Layout>,
    /// How Nomad runs the tasks: `DTLE_DATACENTERS` to `DTLE_TASK_MEMORY`.
    pub policy: JobPolicy,
    /// `DTLE_MASK_PASSWORDS=everywhere`: mask passwords in single jobs and whole
    /// allocations too, not in lists only as 2.x does.
    pub mask_passwords: bool,
    /// `DTLE_CORS_ORIGINS`: whose pages may call from a browser.
    pub cors_origins: Origins,
    /// `DTLE_METRICS_NAMESPACE`: the CloudWatch namespace of a function's metrics.
    pub metrics_namespace: String,
    /// `DTLE_RELEASE`: the name of the release that a function is of, for its metrics.
    pub release: String,
    /// `DTLE_DEADLINE`: how long one request may take. API Gateway gives up
    /// after 30 s, so the answer has to leave before.
    pub deadline: Duration,
}

/// A setting that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {fault}")]
pub struct SettingError {
    variable: &'static str,
    fault: String,
}

fn fault(variable: &'static str, fault: impl Into<String>) -> SettingError {
    SettingError {
        variable,
        fault: fault.into(),
    }
}

impl Settings {
    /// Reads the process environment.
    ///
    /// # Errors
    /// When a setting cannot be understood, or `NOMAD_ADDR` is missing.
    pub fn from_env() -> Result<Self, SettingError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads settings from anywhere; an empty value counts as absent.
    ///
    /// # Errors
    /// As [`Settings::from_env`].
    pub fn from_lookup(
        lookup: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, SettingError> {
        let get = |name| lookup(name).filter(|value| !value.trim().is_empty());
        let addresses = get("NOMAD_ADDR").ok_or_else(|| {
            fault(
                "NOMAD_ADDR",
                "not set; where is Nomad? (for example http://10.0.0.5:4646)",
            )
        })?;
        let (client_cert, client_key) = (get("NOMAD_CLIENT_CERT"), get("NOMAD_CLIENT_KEY"));
        if client_cert.is_some() != client_key.is_some() {
            return Err(fault(
                "NOMAD_CLIENT_CERT",
                "NOMAD_CLIENT_CERT and NOMAD_CLIENT_KEY go together",
            ));
        }
        let defaults = JobPolicy::default();
        Ok(Self {
            nomad: NomadSettings {
                process: Process::Gateway,
                connections: get("DTLE_NOMAD_CONNECTIONS")
                    .map(|_| number(&get, "DTLE_NOMAD_CONNECTIONS", 0))
                    .transpose()?,
                addresses: addresses_of("NOMAD_ADDR", &addresses)?,
                token: get("NOMAD_TOKEN").map(Secret::new),
                token_file: get("NOMAD_TOKEN_FILE").map(PathBuf::from),
                namespace: get("NOMAD_NAMESPACE"),
                region: get("NOMAD_REGION"),
                regions: names_of(&get("DTLE_REGIONS").unwrap_or_default()),
                ca_cert: get("NOMAD_CACERT").map(Secret::new),
                client_cert: client_cert.map(Secret::new),
                client_key: client_key.map(Secret::new),
            },
            consul: get("CONSUL_HTTP_ADDR")
                .map(|text| addresses_of("CONSUL_HTTP_ADDR", &text))
                .transpose()?
                .and_then(|addresses| addresses.into_iter().next())
                .map(|address| ConsulSettings {
                    address,
                    token: get("CONSUL_HTTP_TOKEN").map(Secret::new),
                    token_file: get("CONSUL_HTTP_TOKEN_FILE").map(PathBuf::from),
                }),
            plugins: addresses_of(
                "DTLE_PLUGIN_ADDRS",
                &get("DTLE_PLUGIN_ADDRS").unwrap_or_default(),
            )?,
            layout: get("DTLE_LAYOUT")
                .map(|text| {
                    text.parse::<Layout>()
                        .map_err(|unknown| fault("DTLE_LAYOUT", format!("`{text}` is {unknown}")))
                })
                .transpose()?,
            policy: JobPolicy {
                datacenters: get("DTLE_DATACENTERS")
                    .map(|text| names_of(&text))
                    .filter(|names| !names.is_empty())
                    .unwrap_or(defaults.datacenters),
                node_pool: get("DTLE_NODE_POOL")
                    .map(|text| pool_of("DTLE_NODE_POOL", text.trim()))
                    .transpose()?,
                priority: get("DTLE_PRIORITY")
                    .map(|_| priority(&get, "DTLE_PRIORITY"))
                    .transpose()?,
                restart_attempts: number(&get, "DTLE_RESTART_ATTEMPTS", defaults.restart_attempts)?,
                restart_interval: duration(
                    &get,
                    "DTLE_RESTART_INTERVAL",
                    defaults.restart_interval,
                )?,
                restart_delay: duration(&get, "DTLE_RESTART_DELAY", defaults.restart_delay)?,
                cpu_mhz: number(&get, "DTLE_TASK_CPU", defaults.cpu_mhz)?,
                memory_mb: number(&get, "DTLE_TASK_MEMORY", defaults.memory_mb)?,
            },
            mask_passwords: match get("DTLE_MASK_PASSWORDS").as_deref() {
                None | Some("lists") => false,
                Some("everywhere") => true,
                Some(text) => {
                    return Err(fault(
                        "DTLE_MASK_PASSWORDS",
                        format!("`{text}` is neither `lists` nor `everywhere`"),
                    ));
                }
            },
            cors_origins: get("DTLE_CORS_ORIGINS").map_or(Ok(Origins::default()), |text| {
                Origins::parse(&text).map_err(|cause| fault("DTLE_CORS_ORIGINS", cause))
            })?,
            metrics_namespace: get("DTLE_METRICS_NAMESPACE").unwrap_or_else(|| "dtle".to_owned()),
            release: get("DTLE_RELEASE").unwrap_or_else(|| "none".to_owned()),
            deadline: duration(&get, "DTLE_DEADLINE", Duration::from_secs(28))?,
        })
    }
}

/// Names separated by commas or spaces.
fn names_of(text: &str) -> Vec<String> {
    text.split([',', ' '])
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// One or several addresses, as the variable holds them: none of them with a
/// path, each http or https.
fn addresses_of(variable: &'static str, text: &str) -> Result<Vec<Url>, SettingError> {
    text.split([',', ' '])
        .map(str::trim)
        .filter(|address| !address.is_empty())
        .map(|address| {
            let full = if address.contains("://") {
                address.to_owned()
            } else {
                format!("http://{address}")
            };
            let url = Url::parse(&full)
                .map_err(|cause| fault(variable, format!("`{address}` is not an address: {cause}")))?;
            if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
                return Err(fault(variable, format!("`{address}` is neither http:// nor https://")));
            }
            if !url.username().is_empty() || url.password().is_some() {
                return Err(fault(variable, "an address must not hold a user or a password; the token has a variable of its own"));
            }
            if !matches!(url.path(), "" | "/") || url.query().is_some() {
                return Err(fault(variable, format!("`{address}` must not have a path")));
            }
            Ok(url)
        })
        .collect()
}

fn number(
    get: &impl Fn(&'static str) -> Option<String>,
    variable: &'static str,
    default: u32,
) -> Result<u32, SettingError> {
    get(variable).map_or(Ok(default), |text| {
        text.trim()
            .parse()
            .map_err(|_| fault(variable, format!("`{text}` is not a whole number")))
    })
}

/// Nomad's highest `job_max_priority` (`structs.JobMaxPriority`).
const HIGHEST_PRIORITY: u32 = 32_766;

fn priority(
    get: &impl Fn(&'static str) -> Option<String>,
    variable: &'static str,
) -> Result<u32, SettingError> {
    match number(get, variable, 0)? {
        number @ 1..=HIGHEST_PRIORITY => Ok(number),
        number => Err(fault(
            variable,
            format!("{number} is not between 1 and {HIGHEST_PRIORITY}; Nomad's usual bound is 100"),
        )),
    }
}

/// A pool's name, by Nomad's rule for one (`structs.ValidateNodePoolName`).
fn pool_of(variable: &'static str, text: &str) -> Result<String, SettingError> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if text.len() <= 128 && text.bytes().all(known) {
        return Ok(text.to_owned());
    }
    Err(fault(
        variable,
        format!("`{text}` is not a name of at most 128 letters, digits, hyphens and underscores"),
    ))
}

fn duration(
    get: &impl Fn(&'static str) -> Option<String>,
    variable: &'static str,
    default: Duration,
) -> Result<Duration, SettingError> {
    get(variable).map_or(Ok(default), |text| {
        crate::duration::go_duration(text.trim())
            .ok()
            .and_then(|nanos| u64::try_from(nanos).ok())
            .map(Duration::from_nanos)
            .ok_or_else(|| {
                fault(
                    variable,
                    format!("`{text}` is not a duration such as `15s` or `10m`"),
                )
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&'static str, &'static str)]) -> Result<Settings, SettingError> {
        Settings::from_lookup(|name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn several_addresses_with_and_without_a_scheme() {
        let settings = with(&[("NOMAD_ADDR", "https://a:4646, 10.0.0.7:4646")]).unwrap();
        let shown: Vec<_> = settings.nomad.addresses.iter().map(Url::as_str).collect();
        assert_eq!(shown, ["https://a:4646/", "http://10.0.0.7:4646/"]);
    }

    #[test]
    fn regions_are_separated_by_commas_or_spaces() {
        let settings = with(&[("NOMAD_ADDR", "a:1"), ("DTLE_REGIONS", "east, west,,north")]);
        assert_eq!(settings.unwrap().nomad.regions, ["east", "west", "north"]);
    }

    #[test]
    fn a_setting_that_cannot_be_understood_is_named() {
        for (pairs, expected) in [
            (&[][..], "NOMAD_ADDR: not set"),
            (&[("NOMAD_ADDR", "ftp://a")][..], "NOMAD_ADDR: `ftp://a`"),
            (&[("NOMAD_ADDR", "http://a/v1")][..], "must not have a path"),
            (
                &[("NOMAD_ADDR", "a:1"), ("DTLE_LAYOUT", "both")][..],
                "DTLE_LAYOUT: `both`",
            ),
            (
                &[("NOMAD_ADDR", "a:1"), ("DTLE_RESTART_DELAY", "soon")][..],
                "DTLE_RESTART_DELAY: `soon`",
            ),
            (
                &[("NOMAD_ADDR", "a:1"), ("DTLE_NODE_POOL", "big one")][..],
                "DTLE_NODE_POOL: `big one`",
            ),
            (
                &[("NOMAD_ADDR", "a:1"), ("DTLE_PRIORITY", "0")][..],
                "DTLE_PRIORITY: 0 is not between",
            ),
            (
                &[("NOMAD_ADDR", "a:1"), ("DTLE_PRIORITY", "high")][..],
                "DTLE_PRIORITY: `high`",
            ),
            (
                &[("NOMAD_ADDR", "a:1"), ("DTLE_CORS_ORIGINS", "*")][..],
                "DTLE_CORS_ORIGINS: `*` is not an origin",
            ),
            (
                &[("NOMAD_ADDR", "a:1"), ("NOMAD_CLIENT_CERT", "c.pem")][..],
                "go together",
            ),
        ] {
            let message = with(pairs).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn debug_output_of_settings_shows_no_token() {
        let settings = with(&[("NOMAD_ADDR", "a:1"), ("NOMAD_TOKEN", "hush-hush")]).unwrap();
        assert!(!format!("{settings:?}").contains("hush-hush"));
    }
}
