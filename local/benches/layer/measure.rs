//! What is measured, in which order: contenders take turns within each round.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use crate::cluster::{Cluster, Language, Route};
use crate::load::{self, Amount, Ask};
use crate::proxy;
use crate::report::{
    ANY_JOB, CROWD, GATEWAY, GET_JOB, GETS, Measured, NOMAD, ONE_CALLER, PROXY, Report, UPDATE,
    What,
};
use crate::server::Server;
use crate::{Arguments, Outcome};

/// How long, how often and how many.
pub(crate) struct Plan {
    rounds: usize,
    slice: Duration,
    /// Jobs in the small cluster.
    pub(crate) small: usize,
    /// Jobs in the large one.
    pub(crate) large: usize,
    /// Jobs whose IDs begin with another one's.
    pub(crate) others: usize,
    growth: Vec<usize>,
}

impl Plan {
    pub(crate) fn of(arguments: &Arguments) -> Outcome<Self> {
        let quick = arguments.quick;
        let pick = |wanted: Option<usize>, short, long| {
            let usual = if quick { short } else { long };
            wanted.unwrap_or(usual).max(1)
        };
        let millis = arguments.millis.unwrap_or(if quick { 100 } else { 500 });
        let plan = Self {
            rounds: pick(arguments.rounds, 2, 7),
            slice: Duration::from_millis(millis),
            small: pick(arguments.small, 50, 1_000),
            large: pick(arguments.large, 200, 8_000),
            others: pick(arguments.others, 20, 1_000),
            growth: match &arguments.growth {
                Some(sizes) if sizes.is_empty() && quick => vec![10, 100],
                Some(sizes) if sizes.is_empty() => vec![10, 100, 1_000, 10_000, 50_000],
                Some(sizes) => sizes.clone(),
                None => Vec::new(),
            },
        };
        // The others join the small cluster, and what comes after it has to be larger.
        let joined = plan.small + plan.others + 1;
        let later = |size: &usize| *size > plan.small && *size < joined;
        let sizes = plan.growth.iter().copied().chain([plan.large]);
        let between = sizes.filter(later).min();
        match between {
            Some(size) => Err(format!("{size} jobs are fewer than --small and --others").into()),
            None => Ok(plan),
        }
    }

    /// Short runs of long things.
    fn few(&self, size: usize) -> usize {
        self.rounds.min(if size >= 10_000 { 3 } else { 5 })
    }

    /// How many first lists make one figure. Nomad collects its garbage once in about two
    /// thousand GETs, which doubles the time of what happens meanwhile.
    fn firsts(size: usize) -> usize {
        (8_000 / size).clamp(2, 8)
    }
}

/// One who answers.
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) language: Language,
    pub(crate) server: Server,
}

/// One who takes turns: the name in the report, whom to ask and what.
type Turn<'a> = (&'a str, &'a Server, &'a [Vec<Ask>]);

/// A run of the benchmark.
pub(crate) struct Bench<'a> {
    pub(crate) arguments: &'a Arguments,
    pub(crate) plan: Plan,
    pub(crate) in_memory: bool,
    /// Nomad, the proxy, the gateway, then the peers.
    pub(crate) contenders: Vec<Contender>,
    pub(crate) cluster: Cluster,
    pub(crate) report: Report,
}

impl Bench<'_> {
    /// Everything, while the cluster grows.
    pub(crate) async fn run(&mut self) -> Outcome<()> {
        if !self.in_memory && !self.arguments.writes {
            let size = self.cluster.adopt().await?;
            self.routes().await?;
            return match size {
                0 => Ok(()),
                size if self.arguments.only.is_none() => self.lists(size).await,
                _ => Ok(()),
            };
        }
        match self.cluster.strangers().await? {
            0 => {}
            count => progress(&format!("{count} jobs of others are in every list")),
        }
        let mut sizes: BTreeSet<usize> = self.plan.growth.iter().copied().collect();
        sizes.insert(self.plan.small);
        if self.arguments.only.is_some() {
            sizes.retain(|size| *size == self.plan.small);
        } else {
            sizes.insert(self.plan.large);
        }
        for size in sizes {
            self.cluster.grow(size).await?;
            progress(&format!("{size} jobs are there"));
            if size == self.plan.small {
                self.routes().await?;
            }
            if self.arguments.only.is_some() {
                return Ok(());
            }
            self.lists(size).await?;
            if size == self.plan.large {
                self.crowd(size).await?;
            }
            if size == self.plan.small {
                self.named().await?;
            }
        }
        Ok(())
    }

    fn server(&self, name: &str) -> Outcome<&Server> {
        of_name(&self.contenders, name)
    }

    /// A gateway that remembers nothing, and is connected.
    async fn fresh(&self, nomad: &Server) -> Outcome<Server> {
        let program = &self.arguments.gateway;
        let fresh = Server::gateway(program, &nomad.url(), self.in_memory)?;
        load::ask(fresh.address, &Ask::get("/v1/leader")).await?;
        Ok(fresh)
    }

    /// Waits until Nomad has worked off what was written: its evaluations keep it busy for
    /// many seconds. That shows in its process, if it runs on this machine. With thousands
    /// of jobs it always has something to do.
    async fn calm(&self) -> Outcome<()> {
        const LOOK: Duration = Duration::from_millis(500);
        const LOOKS: u32 = 240;
        let nomad = self.server(NOMAD)?;
        for _ in 0..LOOKS {
            let before = nomad.cpu();
            tokio::time::sleep(LOOK).await;
            let spent = nomad.cpu().zip(before);
            if spent.is_none_or(|(now, before)| now.saturating_sub(before) < LOOK / 2) {
                return Ok(());
            }
        }
        progress("Nomad is still busy");
        Ok(())
    }

    /// Single objects and writes, at one connection and at eight.
    async fn routes(&mut self) -> Outcome<()> {
        let mut routes = self.cluster.reads().await?;
        if self.in_memory || self.arguments.writes {
            routes.extend(self.cluster.writes().await?);
        }
        let arguments = self.arguments;
        let only = arguments.only.as_deref();
        routes.retain(|route| {
            let has_goal = route.name == GET_JOB || route.name == UPDATE;
            only.is_none_or(|text| route.name.contains(text)) && (has_goal || !arguments.goals)
        });
        for route in &routes {
            let takers = takers(&self.contenders, route).await;
            for connections in [1, 8] {
                self.calm().await?;
                let what = What::Route(route.name.clone());
                let turns: Vec<Turn<'_>> = takers
                    .iter()
                    .map(|one| (one.name.as_str(), &one.server, route.of(one.language)))
                    .collect();
                let nomad = of_name(&self.contenders, NOMAD)?;
                for round in 0..=self.plan.rounds {
                    take_turns(
                        &mut self.report,
                        &self.plan,
                        nomad,
                        &what,
                        connections,
                        round,
                        &turns,
                    )
                    .await?;
                    if route.is_write {
                        self.cluster.tidy().await?;
                    }
                }
            }
            progress(&route.name);
        }
        self.cluster.done_writing().await
    }

    /// The list of so many jobs: first, repeated, compressed, and what is kept of it.
    async fn lists(&mut self, size: usize) -> Outcome<()> {
        let jobs = self.cluster.every_job();
        let first_list = self.cluster.first_list();
        let (plain, zipped) = (Ask::get("/v1/jobs"), Ask::get("/v1/jobs").with_gzip());
        let times = (2_000 / size).clamp(3, 50) as u64;
        let whole = &What::First(size);
        let calls = self.calls(&first_list, 1).await?;
        let repeated_calls = self.calls_again(&first_list).await?;
        self.calm().await?;
        for _ in 0..self.plan.few(size) {
            let nomad = of_name(&self.contenders, NOMAD)?;
            let (mut firsts, mut all) = (Vec::new(), Vec::new());
            let mut last = None;
            for turn in 0..Plan::firsts(size) {
                let fresh = self.fresh(nomad).await?;
                let empty = fresh.memory();
                // In turns, for the second one finds a Nomad that is awake.
                if turn % 2 == 0 {
                    firsts.push(times_asked(&fresh, &first_list, 1).await?);
                    all.push(gets(nomad, &jobs).await?);
                } else {
                    all.push(gets(nomad, &jobs).await?);
                    firsts.push(times_asked(&fresh, &first_list, 1).await?);
                }
                last = Some((fresh, empty));
            }
            let (fresh, empty) = last.ok_or("no first list")?;
            let grown = || fresh.memory().saturating_sub(empty) as f64 / size as f64;
            let first = Measured {
                memory: Some(grown()),
                calls: Some(calls),
                ..Measured::mean(&firsts)
            };
            self.report.add(whole, 1, GATEWAY, first);
            self.report.add(whole, 1, GETS, Measured::mean(&all));

            for (what, ask) in [
                (What::Zipped(size), &zipped),
                (What::Repeated(size), &plain),
            ] {
                for one in &self.contenders {
                    let (server, ask) = match one.name.as_str() {
                        GATEWAY => (&fresh, ask),
                        // Nomad's own is not compressed.
                        NOMAD => (&one.server, &plain),
                        _ => (&one.server, ask),
                    };
                    // Once more, so that packing it is not counted.
                    times_asked(server, ask, 1).await?;
                    let mut measured = times_asked(server, ask, times).await?;
                    if one.name == GATEWAY {
                        measured.calls = Some(repeated_calls);
                    }
                    self.report.add(&what, 1, &one.name, measured);
                }
            }
            self.report.remember(&What::Zipped(size), GATEWAY, grown());
        }
        progress(&format!("lists of {size} jobs"));
        Ok(())
    }

    /// Requests to Nomad that so many callers' first list takes, counted by the proxy.
    async fn calls(&self, ask: &Ask, callers: usize) -> Outcome<f64> {
        let proxy = self.server(PROXY)?;
        let fresh = self.fresh(proxy).await?;
        let before = passed(proxy).await?;
        let asks = [vec![ask.clone()]];
        load::run(fresh.address, &asks, callers, Amount::Times(callers as u64)).await?;
        Ok(passed(proxy).await? - before)
    }

    /// The same for each list after the first.
    async fn calls_again(&self, ask: &Ask) -> Outcome<f64> {
        const TIMES: u64 = 4;
        let proxy = self.server(PROXY)?;
        let fresh = self.fresh(proxy).await?;
        load::ask(fresh.address, ask).await?;
        let before = passed(proxy).await?;
        load::run(fresh.address, &[vec![ask.clone()]], 1, Amount::Times(TIMES)).await?;
        Ok((passed(proxy).await? - before) / TIMES as f64)
    }

    /// Many callers who want the list of a process that remembers nothing, beside one.
    async fn crowd(&mut self, size: usize) -> Outcome<()> {
        let what = &What::Crowd(size);
        let ask = self.cluster.first_list();
        let calls = [self.calls(&ask, 1).await?, self.calls(&ask, CROWD).await?];
        self.calm().await?;
        for _ in 0..self.plan.few(10_000) {
            for ((who, callers), calls) in
                [(ONE_CALLER, 1), (GATEWAY, CROWD)].into_iter().zip(calls)
            {
                let fresh = self.fresh(self.server(NOMAD)?).await?;
                let asks = [vec![ask.clone()]];
                let run =
                    load::run(fresh.address, &asks, callers, Amount::Times(callers as u64)).await?;
                let mut measured = Measured::together(&run);
                measured.calls = Some(calls);
                self.report.add(what, CROWD, who, measured);
            }
        }
        progress(&format!("{CROWD} callers, {size} jobs"));
        Ok(())
    }

    /// A job whose ID begins many others', beside any job.
    async fn named(&mut self) -> Outcome<()> {
        let others = self.plan.others;
        let id = self.cluster.family(others).await?;
        self.calm().await?;
        let ask = Ask::get(format!("/v1/job/{id}"));
        let named = [vec![ask.clone()]];
        let routes = self.cluster.reads().await?;
        let any = routes.iter().find(|route| route.name == GET_JOB);
        let any = any.ok_or("no job")?.of(Language::V2);
        let what = What::Named(others);
        let mut turns: Vec<Turn<'_>> = self
            .contenders
            .iter()
            .map(|one| (one.name.as_str(), &one.server, &named[..]))
            .collect();
        turns.push((ANY_JOB, of_name(&self.contenders, GATEWAY)?, any));
        let nomad = of_name(&self.contenders, NOMAD)?;
        for round in 0..=self.plan.rounds {
            take_turns(&mut self.report, &self.plan, nomad, &what, 8, round, &turns).await?;
        }
        progress("a job whose ID begins others");
        Ok(())
    }
}

fn of_name<'a>(contenders: &'a [Contender], name: &str) -> Outcome<&'a Server> {
    let mut all = contenders.iter();
    let one = all.find(|one| one.name == name);
    Ok(&one.ok_or("no such contender")?.server)
}

/// Who answers a route. A peer may not know it; one that speaks 2.x writes nothing,
/// for nobody knows where it would send the jobs.
async fn takers<'a>(contenders: &'a [Contender], route: &Route) -> Vec<&'a Contender> {
    let mut takers = Vec::new();
    for (position, one) in contenders.iter().enumerate() {
        if position > 2 {
            if route.is_write && one.language == Language::V2 {
                continue;
            }
            let asks = route.of(one.language).first();
            let Some(ask) = asks.and_then(|asks| asks.first()) else {
                continue;
            };
            if let Err(error) = load::ask(one.server.address, ask).await {
                progress(&format!("{} is left out: {error}", one.name));
                continue;
            }
        }
        takers.push(one);
    }
    takers
}

/// A round. The first one, of number 0, warms caches and connections up.
async fn take_turns(
    report: &mut Report,
    plan: &Plan,
    nomad: &Server,
    what: &What,
    connections: usize,
    round: usize,
    turns: &[Turn<'_>],
) -> Outcome<()> {
    for (who, server, asks) in turns {
        let slice = if round == 0 {
            plan.slice / 2
        } else {
            plan.slice
        };
        let (own, behind) = (server.cpu(), nomad.cpu());
        let run = load::run(server.address, asks, connections, Amount::For(slice)).await?;
        if round > 0 {
            let mut measured = Measured::each(&run);
            measured.cpu = spent(own, server.cpu(), run.requests);
            measured.nomad_cpu = spent(behind, nomad.cpu(), run.requests);
            report.add(what, connections, who, measured);
        }
    }
    Ok(())
}

/// One question so many times, one after another.
async fn times_asked(server: &Server, ask: &Ask, times: u64) -> Outcome<Measured> {
    let before = server.cpu();
    let asks = [vec![ask.clone()]];
    let run = load::run(server.address, &asks, 1, Amount::Times(times)).await?;
    let mut measured = Measured::each(&run);
    measured.cpu = spent(before, server.cpu(), run.requests);
    Ok(measured)
}

/// All jobs, each by itself, over eight connections.
async fn gets(nomad: &Server, jobs: &[Ask]) -> Outcome<Measured> {
    let asks = [jobs.to_vec()];
    let amount = Amount::Times(jobs.len() as u64);
    let run = load::run(nomad.address, &asks, 8, amount).await?;
    Ok(Measured::together(&run))
}

/// What the proxy has passed on so far.
async fn passed(proxy: &Server) -> Outcome<f64> {
    let text = load::ask(proxy.address, &Ask::get(proxy::CALLS)).await?;
    Ok(std::str::from_utf8(&text)?.parse()?)
}

/// Microseconds of CPU a request.
fn spent(before: Option<Duration>, after: Option<Duration>, requests: u64) -> Option<f64> {
    let spent = after?.checked_sub(before?)?;
    (requests > 0).then(|| spent.as_secs_f64() * 1e6 / requests as f64)
}

fn progress(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}
