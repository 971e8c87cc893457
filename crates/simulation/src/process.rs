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
use futures_util::future::LocalBoxFuture;
use messaging::OtherBroker;
use tokio::task::spawn_local;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::broker::Reach;
use crate::world::lock;
use crate::{Mutation, World};

/// How long it takes until a process that ended is started again.
const RESTART: std::ops::Range<Duration> = Duration::from_millis(20)..Duration::from_secs(3);

/// Puts a service together: its `build` function with its settings.
pub type Build = Rc<dyn Fn(Host) -> LocalBoxFuture<'static, anyhow::Result<Router>>>;

/// A process that is started again whenever it ends.
#[derive(Clone)]
pub struct Process {
    /// Its name, unlike that of every other replica.
    pub name: String,
    /// The context that it serves.
    pub context: String,
    /// What it runs.
    pub build: Build,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("name", &self.name).field("context", &self.context).finish_non_exhaustive()
    }
}

/// A process now.
pub(crate) struct Running {
    pub(crate) context: String,
    pub(crate) host: Host,
    pub(crate) killed: CancellationToken,
    /// Once it serves.
    pub(crate) router: Mutex<Option<Router>>,
}

impl World {
    /// Runs a process from now on.
    pub fn run(self: &Arc<Self>, process: Process) {
        let world = Arc::clone(self);
        drop(spawn_local(async move {
            while !world.ended().is_cancelled() {
                world.live(&process).await;
                sleep(world.span(RESTART)).await;
            }
        }));
    }

    /// One life of a process.
    async fn live(self: &Arc<Self>, process: &Process) {
        let ids = Arc::new(Ids::seeded(self.clock(), self.draw(|chance| chance.u64(..))));
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
                self.tell(&process.name, None, format!("does not start: {error:#}"));
                self.kill(&process.name, "as it did not start");
            }
            None => {}
        }
        self.processes().remove(&process.name);
    }

    pub(crate) fn is_alive(&self, process: &str) -> bool {
        self.processes().get(process).is_some_and(|running| !running.killed.is_cancelled())
    }

    /// `kill -9`. `false` if the process does not run.
    pub fn kill(&self, process: &str, when: &str) -> bool {
        let running = self.processes().get(process).cloned();
        let Some(running) = running.filter(|running| !running.killed.is_cancelled()) else { return false };
        self.tell(process, None, format!("is killed {when}"));
        *lock(&running.router) = None;
        running.host.kill();
        running.killed.cancel();
        self.log().process_died(process);
        true
    }

    /// The URL of a store, as one process opens it.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn store_url(&self, store: &str, process: &str) -> io::Result<String> {
        let (own, file) = (self.folder().join(process), format!("{store}.db"));
        let shared: PathBuf = self.folder().join(format!("{store}.store"));
        fs::create_dir_all(&shared)?;
        if self.mutation() == Some(Mutation::RelayWithoutLeader) {
            // The file is the same, and what is locked beside it is not.
            fs::create_dir_all(&own)?;
            link(&shared.join(&file), &own.join(&file))?;
        } else {
            link(&shared, &own)?;
        }
        Ok(format!("sqlite:{}", own.join(file).display()))
    }

    /// The broker as a process reaches it, for its settings.
    pub fn broker_of(self: &Arc<Self>, process: &str) -> OtherBroker {
        OtherBroker(Some(Arc::new(Reach { world: Arc::clone(self), process: process.to_owned() })))
    }
}

fn link(original: &PathBuf, link: &PathBuf) -> io::Result<()> {
    match symlink(original, link) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
