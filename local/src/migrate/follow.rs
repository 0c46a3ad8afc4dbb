//! How far behind the new jobs are, after they were started.

use std::time::Instant;

use futures_util::future::join_all;

use super::applied::set_of;
use super::executed::source;
use super::job::{Endpoint, Side};
use super::journal::JobEntry;
use super::sides::Stop;
use super::steps::mysql;
use super::table::applied_by_new;
use super::{Connector, Migration};
use crate::gtid::GtidSet;

impl<C: Connector> Migration<'_, C> {
    /// Watches the jobs of units until each has applied what its source had executed
    /// when this began, and says so. What cannot be told is said, too: nothing rests
    /// on it any more.
    pub(super) async fn follow(&self, units: &[usize]) {
        let jobs = units.iter().flat_map(|unit| &self.unit(*unit).jobs);
        let jobs: Vec<&JobEntry> = jobs.filter(|job| job.ran).collect();
        let bar = self.output.bar("catching up", jobs.len());
        join_all(jobs.into_iter().map(async |job| {
            let said = match self.catch_up(job, &bar).await {
                Ok(0) => "has caught up".to_owned(),
                Ok(left) => format!(
                    "is {left} transactions behind, and goes on (those that came from its destination are never noted)"
                ),
                Err(Stop(why)) => format!("how far behind it is cannot be told: {why}"),
            };
            self.output.line(&format!("{}  {said}", job.id));
            bar.step();
        }))
        .await;
    }

    async fn catch_up(&self, job: &JobEntry, bar: &super::output::Bar) -> Result<u64, Stop> {
        let old = self.read_old(&job.id).await?;
        let (Endpoint::MySql(from), Endpoint::MySql(to)) =
            (old.endpoint(Side::Src), old.endpoint(Side::Dest))
        else {
            return Err(Stop("it does not join two MySQL servers".to_owned()));
        };
        let mut source_of = self.connector.open(&from).await.map_err(mysql)?;
        let target = source(&mut source_of).await;
        let target = target.map_err(|error| Stop(error.to_string()))?.executed;
        let begun = set_of(job)?;
        let until = Instant::now() + self.options.patience.total;
        loop {
            let mut destination = self.connector.open(&to).await.map_err(mysql)?;
            let noted = applied_by_new(&mut destination, &job.id)
                .await
                .map_err(mysql)?;
            let left = behind(&target, &begun, &noted);
            if left == 0 || Instant::now() >= until {
                return Ok(left);
            }
            bar.says(format!("{} is {left} transactions behind", job.id));
            tokio::time::sleep(self.options.patience.look).await;
        }
    }
}

fn behind(target: &GtidSet, begun: &GtidSet, noted: &GtidSet) -> u64 {
    target.clone().subtract(begun).subtract(noted).len()
}
