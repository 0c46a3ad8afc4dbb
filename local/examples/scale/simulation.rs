//! Clusters whose dashboards poll, and the functions that answer them.
//!
//! Each cluster has a stack of its own. Its dashboards ask eight routes at once, again
//! and again; each route is a function with instances of its own, and the authorizer is
//! one more. An instance is used again when it is free, the last one first; otherwise a
//! new one starts. The same seed gives the same figures everywhere: time is whole
//! microseconds and chance a few shifts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use clap::Parser;

/// The routes that a dashboard shows; the first is a list of jobs.
const ROUTES: usize = 8;
/// The number of the function that says who may call.
const AUTHORIZER: usize = ROUTES;
const SECOND: u64 = 1_000_000;
/// What a job adds to the first list of an instance, in microseconds.
const A_JOB: u64 = 130;
/// How long a blocking query waits, in microseconds.
const WAIT: u64 = 28 * SECOND;

/// Simulates clusters with dashboards. Without options: all tables of docs/scale.md.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Plan {
    /// Clusters, each with a stack of its own in the same account and region.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) clusters: usize,
    /// Dashboards that look at each cluster.
    #[arg(long, default_value_t = 5)]
    pub(crate) dashboards: usize,
    /// Seconds between two looks.
    #[arg(long, default_value_t = 10)]
    pub(crate) period: u64,
    /// Seconds in which all dashboards open.
    #[arg(long, default_value_t = 60)]
    pub(crate) opening: u64,
    /// Seconds that are simulated.
    #[arg(long, default_value_t = 180)]
    pub(crate) seconds: u64,
    /// Whether the list of jobs is asked for with a blocking query that waits 28 seconds.
    #[arg(long)]
    pub(crate) blocking: bool,
    /// Jobs of each cluster.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) jobs: u64,
    /// Nomad servers of each cluster.
    #[arg(long, default_value_t = 3)]
    pub(crate) servers: usize,
    /// Subnets of the functions.
    #[arg(long, default_value_t = 2)]
    pub(crate) subnets: usize,
    /// The parameter NomadConnections.
    #[arg(long, default_value_t = 4)]
    pub(crate) nomad_connections: u32,
    /// The account's concurrent executions; nobody is turned away at 0.
    #[arg(long, default_value_t = 0)]
    pub(crate) concurrency: u32,
    /// Where chance begins.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Requests that reached API Gateway.
    pub(crate) requests: u64,
    /// In the busiest second.
    pub(crate) busiest: u64,
    /// Functions at work at the same time, the most of them.
    pub(crate) concurrency: u32,
    /// Instances that were started, which are those that are there at the end.
    pub(crate) cold_starts: u64,
    /// Requests that the account's concurrency turned away.
    pub(crate) refused: u64,
    /// Connections from one subnet to one Nomad server, the most of them.
    pub(crate) connections: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A dashboard looks, for the first time or again.
    Look { cluster: usize, is_first: bool },
    /// A request may go to its function.
    Call { cluster: usize, route: usize },
    /// Somebody asks for the list again and waits for a change.
    Again { cluster: usize },
    /// An instance has answered.
    Done {
        cluster: usize,
        function: usize,
        instance: usize,
    },
}

/// From which subnet and to which server an instance calls, as one number, and how many
/// connections it has.
#[derive(Clone, Copy)]
struct Instance {
    pair: usize,
    connections: u32,
}

#[derive(Clone, Default)]
struct Function {
    instances: Vec<Instance>,
    free: Vec<usize>,
}

struct World<'a> {
    plan: &'a Plan,
    chance: u64,
    /// By time, and among equals in the order in which they were made.
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    made: u64,
    /// By cluster and number.
    functions: Vec<Function>,
    /// By cluster and pair.
    connections: Vec<u32>,
    running: u32,
    second: u64,
    in_second: u64,
    outcome: Outcome,
}

/// Runs it.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let mut world = World {
        plan,
        chance: plan.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        events: BinaryHeap::new(),
        made: 0,
        functions: vec![Function::default(); plan.clusters * (ROUTES + 1)],
        connections: vec![0; plan.clusters * plan.servers * plan.subnets],
        running: 0,
        second: 0,
        in_second: 0,
        outcome: Outcome::default(),
    };
    for cluster in 0..plan.clusters {
        for _ in 0..plan.dashboards {
            let at = world.random(plan.opening.max(1) * SECOND);
            let is_first = true;
            world.later(at, Event::Look { cluster, is_first });
        }
    }
    while let Some(Reverse((now, _, event))) = world.events.pop() {
        if now >= plan.seconds * SECOND {
            break;
        }
        world.happens(now, event);
    }
    world.outcome
}

impl World<'_> {
    /// A number below that one: xorshift.
    fn random(&mut self, below: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % below
    }

    fn later(&mut self, at: u64, event: Event) {
        self.made += 1;
        self.events.push(Reverse((at, self.made, event)));
    }

    fn happens(&mut self, now: u64, event: Event) {
        let period = self.plan.period * SECOND;
        match event {
            Event::Look { cluster, is_first } => {
                // Who blocks has asked already.
                let from = usize::from(self.plan.blocking && !is_first);
                for route in from..ROUTES {
                    self.count(now);
                    // The authorizer's answer is kept, by token and route, for longer
                    // than this lasts.
                    let allowed = match is_first {
                        true => self.start(now, cluster, AUTHORIZER),
                        false => Some(now),
                    };
                    if let Some(at) = allowed {
                        self.later(at, Event::Call { cluster, route });
                    }
                }
                let is_first = false;
                self.later(now + period, Event::Look { cluster, is_first });
            }
            Event::Call { cluster, route } => {
                let done = self.start(now, cluster, route);
                if self.plan.blocking && route == 0 {
                    let again = done.unwrap_or(now + period);
                    self.later(again, Event::Again { cluster });
                }
            }
            Event::Again { cluster } => {
                self.count(now);
                self.happens(now, Event::Call { cluster, route: 0 });
            }
            Event::Done {
                cluster,
                function,
                instance,
            } => {
                self.running -= 1;
                self.hold(cluster, function, instance, 1);
                self.function(cluster, function).free.push(instance);
            }
        }
    }

    fn function(&mut self, cluster: usize, number: usize) -> &mut Function {
        &mut self.functions[cluster * (ROUTES + 1) + number]
    }

    /// A request has reached API Gateway.
    fn count(&mut self, now: u64) {
        self.outcome.requests += 1;
        if now / SECOND != self.second {
            (self.second, self.in_second) = (now / SECOND, 0);
        }
        self.in_second += 1;
        self.outcome.busiest = self.outcome.busiest.max(self.in_second);
    }

    /// A function is called; when it will have answered, unless there is no room for it.
    fn start(&mut self, now: u64, cluster: usize, number: usize) -> Option<u64> {
        if self.plan.concurrency > 0 && self.running >= self.plan.concurrency {
            self.outcome.refused += 1;
            return None;
        }
        self.running += 1;
        self.outcome.concurrency = self.outcome.concurrency.max(self.running);
        let free = self.function(cluster, number).free.pop();
        let is_cold = free.is_none();
        let instance = match free {
            Some(instance) => instance,
            None => {
                self.outcome.cold_starts += 1;
                let pair = self.random((self.plan.servers * self.plan.subnets) as u64) as usize;
                let function = self.function(cluster, number);
                function.instances.push(Instance {
                    pair,
                    connections: 0,
                });
                function.instances.len() - 1
            }
        };
        let is_list = number == 0;
        // The first list of an instance reads every job, others ask whether it holds.
        let connections = match is_list && is_cold {
            true => 2 * self.plan.nomad_connections,
            false => 2,
        };
        self.hold(cluster, number, instance, connections);
        let mut takes = match number {
            AUTHORIZER => 5_000,
            _ => 5_000 + self.random(25_000),
        };
        if is_cold {
            // The instance, and a secret.
            takes += 150_000 + self.random(100_000) + 50_000 + self.random(50_000);
        }
        if is_cold && is_list {
            takes += self.plan.jobs * A_JOB;
        } else if is_list && self.plan.blocking {
            takes += WAIT;
        }
        let function = number;
        self.later(
            now + takes,
            Event::Done {
                cluster,
                function,
                instance,
            },
        );
        Some(now + takes)
    }

    /// An instance has so many connections to Nomad now. The authorizer asks no Nomad.
    fn hold(&mut self, cluster: usize, number: usize, instance: usize, connections: u32) {
        if number == AUTHORIZER {
            return;
        }
        let instance = &mut self.function(cluster, number).instances[instance];
        let before = std::mem::replace(&mut instance.connections, connections);
        let pair = instance.pair;
        let pairs = self.plan.servers * self.plan.subnets;
        let held = &mut self.connections[cluster * pairs + pair];
        *held = *held + connections - before;
        self.outcome.connections = self.outcome.connections.max(*held);
    }
}
