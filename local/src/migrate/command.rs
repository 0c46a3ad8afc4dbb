//! The command line of `dtle-gateway migrate`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dtle_outbound::Secret;
use dtle_outbound::Url;

use super::{Journal, Migration, Options, Output, Patience, Real, Side};
use crate::api::Api;
use crate::gtid::GtidSet;
use crate::mysql::{SslMode, Tls};

/// Where the token for the new side may be.
const TOKEN: &str = "DTLE_API_TOKEN";

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The running 2.x cluster: http://old:8190
    #[arg(long, value_name = "URL")]
    from: Url,

    /// The gateway to move to. A token is taken from DTLE_API_TOKEN.
    #[arg(long, value_name = "URL")]
    to: Url,

    /// Do it. Without this the plan is printed, and nothing is changed.
    #[arg(long)]
    yes: bool,

    /// Print the plan as JSON.
    #[arg(long, conflicts_with = "yes")]
    json: bool,

    /// Move only these jobs; can be repeated. Refused where it would split what can
    /// only be moved together.
    #[arg(long, value_name = "ID", num_args = 1..)]
    only: Vec<String>,

    /// Make dead and complete jobs on the new side too, paused.
    #[arg(long)]
    with_dead: bool,

    /// A job's set of applied transactions, by hand; can be repeated. `ID=` begins
    /// anew, with a copy.
    #[arg(long, value_name = "ID=SET", value_parser = gtid_by_hand)]
    gtid: Vec<(String, GtidSet)>,

    /// Where a source cannot be asked and a set lacks its beginning, take the
    /// beginning for applied.
    #[arg(long)]
    complete_gtid: bool,

    /// Remove progress that is stored under a job's ID on the new side; else such a
    /// job is not moved, because that progress would override its Gtid.
    #[arg(long)]
    forget: bool,

    /// Drop 2.x's table on a destination before the first start there: plugins up to
    /// 3.20.10 refuse a destination that has it.
    #[arg(long)]
    drop_old_table: bool,

    /// Take everything back to the old side that the journal says was moved.
    #[arg(long, conflicts_with_all = ["only", "verify", "json"])]
    back: bool,

    /// With --back: drop the plugin's table on the destinations, beside which 2.x
    /// starts no job.
    #[arg(long, requires = "back")]
    drop_new_table: bool,

    /// Compare the moved tables on both databases, while nothing is written.
    #[arg(long, conflicts_with_all = ["yes", "json"])]
    verify: bool,

    /// Where is written what was done, to go on from there.
    #[arg(long, value_name = "FILE", default_value = "dtle-migrate.json")]
    journal: PathBuf,

    /// Seconds to wait for a job to stop or to run, and for a side to answer.
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    patience: u64,

    /// The schema in which the 2.x servers keep their table (dtle_schema_name).
    #[arg(long, default_value = "dtle", value_name = "NAME")]
    old_schema: String,

    /// Whether connections to the databases are encrypted and the servers checked,
    /// as in MySQL's own client.
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    ssl_mode: SslMode,

    /// Certificates of the authorities to believe (PEM), instead of the public ones.
    #[arg(long, value_name = "FILE")]
    ssl_ca: Option<PathBuf>,
}

fn gtid_by_hand(text: &str) -> Result<(String, GtidSet), String> {
    let (id, set) = text.split_once('=').ok_or("ID=SET is expected")?;
    let set = set.parse().map_err(|error| format!("{error}"))?;
    Ok((id.to_owned(), set))
}

/// Plans, moves, takes back or compares, as was asked.
///
/// # Errors
/// When a side does not answer, or the journal cannot be used.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let token = std::env::var(TOKEN).ok().map(Secret::new);
    let patience = Patience::of(Duration::from_secs(arguments.patience));
    let old = Side::new(Api::new(&arguments.from, None)?, "old side", patience);
    let new = Side::new(Api::new(&arguments.to, token)?, "new side", patience);
    let (from, to) = (old.api.shown(), new.api.shown());
    let journal = if arguments.yes {
        Journal::open(&arguments.journal, &from, &to)?
    } else {
        Journal::peek(&arguments.journal, &from, &to)?
    };
    let options = Options {
        only: arguments.only.clone(),
        with_dead: arguments.with_dead,
        complete_gtid: arguments.complete_gtid,
        gtid: arguments.gtid.iter().cloned().collect::<BTreeMap<_, _>>(),
        forget: arguments.forget,
        drop_old_table: arguments.drop_old_table,
        drop_new_table: arguments.drop_new_table,
        old_schema: arguments.old_schema.clone(),
        patience,
    };
    let connector = Real {
        tls: Tls {
            mode: arguments.ssl_mode,
            ca: arguments.ssl_ca.clone(),
        },
    };
    let output = Output::terminal();
    let mut migration = Migration::new((old, new), connector, options, journal, &output).await?;
    let complete = if arguments.verify {
        migration.verify().await?
    } else if arguments.back {
        for line in migration.plan_back() {
            output.line(&line);
        }
        if !arguments.yes {
            output.line("Nothing is changed without --yes.");
            return Ok(ExitCode::SUCCESS);
        }
        migration.run_back().await?
    } else {
        let plan = migration.planned().await?;
        if arguments.json {
            writeln!(std::io::stdout(), "{}", plan.json())?;
        } else {
            for line in plan.lines() {
                output.line(&line);
            }
        }
        if arguments.yes {
            migration.run(&plan, &stop_after_this_one()).await?
        } else {
            if !arguments.json {
                output.line("Nothing is changed without --yes.");
            }
            plan.units.iter().all(|unit| unit.refused.is_empty())
        }
    };
    Ok(if complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Set by the first Ctrl-C; the second one ends the process, which the journal
/// allows at any moment.
fn stop_after_this_one() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            let _ = writeln!(
                std::io::stderr(),
                "stops after this destination; Ctrl-C again stops now, and the same command goes on from here"
            );
        }
    });
    stop
}
