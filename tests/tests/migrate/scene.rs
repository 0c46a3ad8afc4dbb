//! Both sides of a migration, and what watches that nothing goes wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use local::api::Api;
use local::gateway::Server;
use local::migrate::{Journal, Migration, Options, Output, Patience, Plan, Side, Stop};
use nomad_sim::{NomadSim, Options as NomadOptions, Pace};
use tests::world::World;
use tests::{Client, Generation, Proxy, gateway};
use tokio::task::JoinHandle;

pub(crate) const A: &str = "10.0.0.11:3306";
pub(crate) const X: &str = "10.0.0.21:3306";
pub(crate) const X_TOO: &str = "db-x:3306";
pub(crate) const Y: &str = "10.0.0.22:3306";

pub(crate) const J1: &str = "00000000-0000-0000-0000-0000000000a1";
pub(crate) const J2: &str = "00000000-0000-0000-0000-0000000000a2";
pub(crate) const J3: &str = "00000000-0000-0000-0000-0000000000a3";
pub(crate) const PAUSED: &str = "00000000-0000-0000-0000-0000000000b1";
pub(crate) const DEAD: &str = "00000000-0000-0000-0000-0000000000d1";
pub(crate) const ALL: [&str; 5] = [J1, J2, J3, PAUSED, DEAD];

/// Both sides, and what watches that nothing goes wrong.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) old: String,
    pub(crate) new: Client,
    pub(crate) way: Proxy,
    folder: PathBuf,
    watch: JoinHandle<()>,
    _server: Server,
    _nomad: NomadSim,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.watch.abort();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Scene {
    /// Five jobs on two destinations, one of them under two names; one job is paused,
    /// one is dead. Rows were written during every copy.
    pub(crate) async fn start(generation: Generation) -> Self {
        let world = World::new();
        world.machine(&[A], 20);
        world.machine(&[X, X_TOO], 0);
        world.machine(&[Y], 0);
        world.job(J1, A, X);
        world.job(J2, A, X_TOO);
        world.job(J3, A, Y);
        world.job(PAUSED, A, X);
        world.job(DEAD, A, Y);
        world.write(A, 5);
        world.stop(PAUSED, "pause");
        world.stop(DEAD, "dead");
        world.write(A, 5);
        assert_eq!(world.violations(), Vec::<String>::new());

        let nomad = NomadSim::start(NomadOptions {
            plugin: generation.plugin(),
            // It has sources of its own, which must not move.
            pace: Pace {
                statistics: Duration::from_secs(3600),
                ..Pace::instant()
            },
            ..NomadOptions::default()
        })
        .await
        .unwrap();
        let consul = nomad.consul_url();
        let settings = [
            ("CONSUL_HTTP_ADDR", consul.as_str()),
            ("DTLE_LAYOUT", generation.layout()),
        ];
        let (server, new) = gateway(&nomad.url(), &settings).await;
        let folder = std::env::temp_dir().join(format!("dtle-migrate-{}", uuid()));
        std::fs::create_dir_all(&folder).unwrap();
        let watch = tokio::spawn(watch(world.clone(), new.clone()));
        Self {
            old: format!("http://{}", world.serve().await),
            way: Proxy::start(server.address()).await,
            world,
            new,
            folder,
            watch,
            _server: server,
            _nomad: nomad,
        }
    }

    pub(crate) async fn migration<'a>(
        &self,
        options: Options,
        output: &'a Output,
    ) -> Result<Migration<'a, World>, Stop> {
        let side = |url: &str, name| {
            let api = Api::new(&url.parse().unwrap(), None).unwrap();
            Side::new(api, name, options.patience)
        };
        let sides = (
            side(&self.old, "old side"),
            side(&self.way.url(), "new side"),
        );
        let journal = Journal::open(
            &self.folder.join("journal.json"),
            &sides.0.api.shown(),
            &sides.1.api.shown(),
        );
        let journal = journal.map_err(|error| Stop(error.to_string()))?;
        Migration::new(sides, self.world.clone(), options, journal, output).await
    }

    pub(crate) async fn plan(&self, options: Options) -> Result<Plan, Stop> {
        let output = Output::kept();
        self.migration(options, &output).await?.planned().await
    }

    /// Moves; whether nothing was left, and what was said.
    pub(crate) async fn run(&self, options: Options) -> (bool, String) {
        let output = Output::kept();
        let mut migration = self.migration(options, &output).await.unwrap();
        let plan = migration.planned().await.unwrap();
        let complete = migration.run(&plan, &AtomicBool::new(false)).await.unwrap();
        (complete, output.lines().join("\n"))
    }

    pub(crate) async fn back(&self, options: Options) -> (bool, String) {
        let output = Output::kept();
        let mut migration = self.migration(options, &output).await.unwrap();
        let complete = migration.run_back().await.unwrap();
        (complete, output.lines().join("\n"))
    }

    pub(crate) async fn status_anew(&self, id: &str) -> Option<String> {
        let answer = self.new.get(&format!("/v1/job/{id}")).await;
        (answer.status == 200).then(|| answer.json()["Status"].as_str().unwrap().to_owned())
    }

    /// Waits until these run on the new side, and has them apply some more.
    pub(crate) async fn settled(&self, running: &[&str], said: &str) {
        for _ in 0..500 {
            let now = self.world.running_anew();
            if running.iter().all(|id| now.contains(*id)) && now.len() == running.len() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.world.write(A, 3);
        assert_eq!(self.world.violations(), Vec::<String>::new(), "{said}");
        for id in running {
            assert!(self.world.is_complete(id), "{id}\n{said}");
        }
    }
}

/// What starts on the new side applies, as the plugin would.
async fn watch(world: World, new: Client) {
    loop {
        let list = new.get("/v1/jobs").await;
        if list.status == 200 {
            world.new_side_runs(list.json().as_array().unwrap());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn uuid() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

pub(crate) fn options() -> Options {
    Options {
        only: Vec::new(),
        with_dead: false,
        complete_gtid: false,
        gtid: BTreeMap::new(),
        forget: false,
        drop_old_table: false,
        drop_new_table: false,
        old_schema: "dtle".to_owned(),
        patience: Patience {
            total: Duration::from_secs(10),
            settle: Duration::from_millis(30),
            look: Duration::from_millis(5),
        },
    }
}
