//! `flotilla up`: starts a whole fleet, keeps it running, and stops it again.

use std::sync::Arc;

use tokio::time::Instant;

use crate::args::{ArgsError, UpArgs};
use crate::binaries::{self, BinariesError, Origin};
use crate::crew::Crew;
use crate::folder::{self, Folder, FolderError};
use crate::leftovers::{self, Stuck};
use crate::member::Care;
use crate::plan::Plan;
use crate::ports::{self, Taken};
use crate::ready::Probe;
use crate::screen::{self, Screen};
use crate::stop::Stop;

/// Why a fleet does not run.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// The command line leads to no plan.
    #[error(transparent)]
    Args(#[from] ArgsError),
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Something of an earlier start is in the way.
    #[error(transparent)]
    Stuck(#[from] Stuck),
    /// Ports are taken.
    #[error(transparent)]
    Taken(#[from] Taken),
    /// Binaries are missing.
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    /// A database that the fleet needs is not there and cannot be made.
    #[error("the store of {context}: {source}")]
    Store {
        /// Whose store.
        context: String,
        /// What is wrong with it.
        source: store::OpenError,
    },
    /// Nothing could ask the services.
    #[error("no HTTP client: {0}")]
    Probe(#[from] reqwest::Error),
    /// A process did not become ready. Why was said before the others were stopped.
    #[error("the fleet did not start")]
    NotReady,
}

/// Starts a fleet and returns when it has stopped, because `stop` was asked or because it did not start.
pub async fn up(args: &UpArgs, screen: &Screen, stop: &Stop) -> Result<(), UpError> {
    let (origin, plan) = args.plan()?;
    let folder = Folder::own(&plan.dir)?;
    screen.line(format_args!("Fleet {} in {}", plan.fleet, plan.dir.display()));
    let care = Care {
        screen: screen.clone(),
        folder: Arc::new(folder),
        stop: stop.clone(),
        ready_within: args.ready_within,
        grace: args.grace,
        probe: Probe::new()?,
    };
    tokio::select! {
        biased;
        () = stop.asked.cancelled() => return Ok(()),
        prepared = prepare(&origin, &plan, &care) => prepared?,
    }
    run(&plan, care).await
}

/// Everything that can fail without a process being started.
async fn prepare(origin: &Origin, plan: &Plan, care: &Care) -> Result<(), UpError> {
    leftovers::stop(&care.folder.pids, care.grace, &care.screen).await?;
    ports::check(&plan.processes)?;
    create_stores(plan).await?;
    if let Origin::Workspace { root, folder } = origin {
        care.screen.line("Building what it needs (the first time takes minutes)");
        binaries::build(root, folder, plan).await?;
        // That may have taken minutes.
        ports::check(&plan.processes)?;
    }
    binaries::check(plan, origin.folder())?;
    Ok(folder::lay_out(plan)?)
}

/// Databases on a server must be there before a service opens them; files come into being by themselves.
async fn create_stores(plan: &Plan) -> Result<(), UpError> {
    for process in &plan.processes {
        if let Some(url) = process.env.get("STORE_URL") {
            let created = store::create_database(url).await;
            created.map_err(|source| UpError::Store { context: process.name.clone(), source })?;
        }
    }
    Ok(())
}

async fn run(plan: &Plan, care: Care) -> Result<(), UpError> {
    let (begin, screen, stop) = (Instant::now(), care.screen.clone(), care.stop.clone());
    let mut crew = Crew::new(care);
    let started = tokio::select! {
        biased;
        () = stop.asked.cancelled() => Ok(()),
        started = crew.start(plan) => started,
    };
    match &started {
        Ok(()) if stop.asked.is_cancelled() => {}
        Ok(()) => screen.line(screen::welcome(plan, begin.elapsed())),
        Err(not_ready) => {
            screen.line(not_ready);
            stop.ask();
        }
    }
    let stopping = async {
        stop.asked.cancelled().await;
        screen.line("Stopping");
    };
    tokio::join!(stopping, crew.keep());
    started.map_err(|_| UpError::NotReady)
}
