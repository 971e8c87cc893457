use std::fmt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, io};

use ambient::Ids;
use axum::Router;
use chassis::Host;
use clap::Parser as _;
use context::{Config, Context};
use futures_util::future::LocalBoxFuture;
use messaging::BrokerOverride;
use tokio::task::spawn_local;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::broker::client::BrokerClient;
use crate::running::Running;
use crate::world::lock;
use crate::{Mutation, Placement, World};

/// The time until a process is restarted.
const RESTART_DELAY: std::ops::Range<Duration> = Duration::from_millis(20)..Duration::from_secs(3);

/// Builds a service: its `build` function with its settings.
pub type Build = Rc<dyn Fn(Host) -> LocalBoxFuture<'static, anyhow::Result<Router>>>;

/// A process that is restarted whenever it ends.
#[derive(Clone)]
pub struct Process {
    /// Its name, unique among all replicas.
    pub name: String,
    /// The context that it serves.
    pub context: String,
    /// Builds its service at each start.
    pub build: Build,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("name", &self.name).field("context", &self.context).finish_non_exhaustive()
    }
}

impl World {
    /// Runs a process, and restarts it until the end of the run.
    pub fn run(self: &Arc<Self>, process: Process) {
        let world = Arc::clone(self);
        drop(spawn_local(async move {
            while !world.ended().is_cancelled() {
                world.run_once(&process).await;
                sleep(world.span(RESTART_DELAY)).await;
            }
        }));
    }

    /// Runs a process until it is killed.
    async fn run_once(self: &Arc<Self>, process: &Process) {
        let ids = Arc::new(Ids::seeded(self.clock(), self.draw(|rng| rng.u64(..))));
        let host = Host::new(self.clock(), ids);
        let running = Arc::new(Running {
            context: process.context.clone(),
            host: host.clone(),
            killed: CancellationToken::new(),
            router: Mutex::default(),
        });
        self.processes().insert(process.name.clone(), Arc::clone(&running));
        let built = running.killed.run_until_cancelled((process.build)(host.clone())).await;
        match built {
            Some(Ok(router)) => {
                let router = chassis::router(router, &host, &chassis::Config::default());
                *lock(&running.router) = Some(router);
                running.killed.cancelled().await;
            }
            Some(Err(error)) => {
                self.record(&process.name, None, format!("does not start: {error:#}"));
                self.kill(&process.name, "as it did not start");
            }
            None => {}
        }
        self.processes().remove(&process.name);
    }

    /// The URL of a store for one process.
    ///
    /// # Errors
    ///
    /// If the folder cannot be created.
    pub fn store_url(&self, store: &str, process: &str) -> io::Result<String> {
        let (own, file) = (self.folder().join(process), format!("{store}.db"));
        let shared: PathBuf = self.folder().join(format!("{store}.store"));
        fs::create_dir_all(&shared)?;
        if self.mutation() == Some(Mutation::RelayWithoutLeader) {
            // The database file is shared, and the lock file beside it is not.
            fs::create_dir_all(&own)?;
            link(&shared.join(&file), &own.join(&file))?;
        } else {
            link(&shared, &own)?;
        }
        Ok(store::file_url(&own.join(file)))
    }

    /// The broker for the settings of a process.
    pub fn broker_of(self: &Arc<Self>, process: &str) -> BrokerOverride {
        BrokerOverride(Some(Arc::new(BrokerClient { world: Arc::clone(self), process: process.to_owned() })))
    }

    /// The `build` function of a context with its default settings, the simulated broker and this store. `configure` sets
    /// the other simulated edges.
    pub fn build<C: Context>(
        self: &Arc<Self>,
        fleet: &str,
        placement: Placement<'_>,
        configure: impl FnOnce(&mut C::Settings),
    ) -> Build {
        let Placement { process, store_url, .. } = placement;
        let arguments = ["service", "--fleet", fleet, "--store-url", store_url, "--store-connections", "2"];
        let mut config: Config<C::Settings> = Config::parse_from(arguments);
        config.messaging.broker = self.broker_of(process);
        configure(&mut config.own);
        Rc::new(move |host| Box::pin(context::build::<C>(config.clone(), host)))
    }
}

fn link(original: &PathBuf, link: &PathBuf) -> io::Result<()> {
    match symlink(original, link) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
