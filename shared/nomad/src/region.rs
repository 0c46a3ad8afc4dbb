//! Which region a request goes to, and which regions a caller may name.
//!
//! A caller reaches the gateway's own region, and others only when a setting
//! lists them: servers of all regions pass requests on to each other, so a
//! `region` that went through unchecked would reach every one of them. A region
//! that is not listed does not exist for a caller; it is answered as an unknown
//! one, and nothing is sent to it.
//!
//! The gateway's own region needs a name only for a caller who names it. When
//! `NOMAD_REGION` does not say, Nomad is asked the first time, and the name is
//! remembered for as long as the process lives: a request without a region never
//! waits for it.

use std::pin::Pin;

use dtle_translate::wire::{AgentMembers, Member};
use tokio::sync::OnceCell;

use super::{Error, Session};
use crate::settings::NomadSettings;

/// What 2.x jobs have as their Region when they name none, and what Nomad itself
/// reads in a job as "the agent's own region" (its `regionForJob`).
const GLOBAL: &str = "global";

/// The regions that callers may name.
pub(super) struct Regions {
    /// `NOMAD_REGION`.
    pub(super) own: Option<String>,
    /// `DTLE_REGIONS`: those besides the gateway's own.
    others: Vec<String>,
    /// The name of the agent's region, once somebody needed it.
    found: OnceCell<String>,
}

impl Regions {
    pub(super) fn new(settings: &NomadSettings) -> Self {
        Self {
            own: settings.region.clone(),
            others: settings.regions.clone(),
            found: OnceCell::new(),
        }
    }

    fn is_listed(&self, name: &str) -> bool {
        self.others.iter().any(|listed| listed == name)
    }
}

impl Session<'_> {
    /// Sends every call of this request to the region that the query names.
    #[must_use]
    pub fn in_region(mut self, region: Option<&str>) -> Self {
        self.wanted = region.map(str::to_owned);
        self
    }

    /// The region that every call of this request goes to: `None` is the gateway's
    /// own. Decided once, so what is remembered under it is what was asked there.
    ///
    /// # Errors
    /// [`Error::NotOurRegion`] for one that a caller may not name.
    pub async fn region(&self) -> Result<Option<&str>, Error> {
        let region = self
            .region
            .get_or_try_init(|| self.allowed(self.wanted.as_deref()))
            .await?;
        Ok(region.as_deref())
    }

    /// The same for a request whose body names a region. One in the query counts
    /// more, as in Nomad. `global`, which old scripts send whatever the cluster's
    /// region is called, means the gateway's own unless a listed one has that name.
    ///
    /// # Errors
    /// As [`Session::region`].
    pub async fn region_of_job(&self, named: Option<&str>) -> Result<Option<&str>, Error> {
        let regions = &self.client.regions;
        let named = named.filter(|name| *name != GLOBAL || regions.is_listed(name));
        let wanted = self.wanted.as_deref().or(named);
        let region = self.region.get_or_try_init(|| self.allowed(wanted)).await?;
        Ok(region.as_deref())
    }

    async fn allowed(&self, named: Option<&str>) -> Result<Option<String>, Error> {
        let Some(name) = named else {
            return Ok(None);
        };
        let regions = &self.client.regions;
        match &regions.own {
            Some(own) if own == name => return Ok(None),
            _ if regions.is_listed(name) => return Ok(Some(name.to_owned())),
            Some(_) => return Err(Error::NotOurRegion),
            None => {}
        }
        if self.own_region().await? == name {
            Ok(None)
        } else {
            Err(Error::NotOurRegion)
        }
    }

    /// The name of the gateway's own region. Boxed, since finding it takes calls,
    /// and calls ask for their region.
    fn own_region(&self) -> Pin<Box<dyn Future<Output = Result<&str, Error>> + Send + '_>> {
        Box::pin(async {
            let regions = &self.client.regions;
            if let Some(own) = &regions.own {
                return Ok(own.as_str());
            }
            let found = regions.found.get_or_try_init(|| async {
                // Needs no token, and with one region answers everything.
                let mut names = self.all_regions().await?;
                match (names.pop(), names.is_empty()) {
                    (Some(only), true) => Ok(only),
                    _ => Ok(self.all_members().await?.server_region),
                }
            });
            found.await.map(String::as_str)
        })
    }

    /// `GET /v1/regions`, without those that a caller may not name.
    ///
    /// # Errors
    /// As every call.
    pub async fn regions(&self) -> Result<Vec<String>, Error> {
        let mut names = self.all_regions().await?;
        if self.client.regions.own.is_none() && names.len() == 1 {
            return Ok(names);
        }
        let own = self.own_region().await?;
        names.retain(|name| name == own || self.client.regions.is_listed(name));
        Ok(names)
    }

    /// `GET /v1/agent/members`, without the servers of regions that a caller may
    /// not name: servers of all regions know each other.
    ///
    /// # Errors
    /// As every call.
    pub async fn members(&self) -> Result<AgentMembers, Error> {
        let mut answer = self.all_members().await?;
        let own = answer.server_region.clone();
        answer.members.retain(|member| self.shows(member, &own));
        Ok(answer)
    }

    fn shows(&self, member: &Member, of_agent: &str) -> bool {
        let regions = &self.client.regions;
        let own = regions.own.as_deref().unwrap_or(of_agent);
        let region = member.tags.get("region").map_or("", String::as_str);
        region == own || regions.is_listed(region)
    }

    /// `PUT /v1/agent/force-leave?node=…`. A server of a region that a caller may
    /// not name is answered as an unknown one: with a success that does nothing.
    ///
    /// # Errors
    /// As every call.
    pub async fn force_leave(&self, node: &str) -> Result<(), Error> {
        let all = self.all_members().await?;
        let member = all.members.iter().find(|member| member.name == node);
        if member.is_some_and(|member| !self.shows(member, &all.server_region)) {
            return Ok(());
        }
        self.give_up(node).await
    }
}
