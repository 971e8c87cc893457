//! `flotilla up`: starts a fleet, supervises its processes, and stops them.

use std::sync::Arc;

use tokio::time::Instant;

use crate::output::screen::Screen;
use crate::output::summary::startup_summary;
use crate::plan::Plan;
use crate::plan::args::{ArgsError, UpArgs};
use crate::plan::binaries::{self, BinariesError, Origin};
use crate::plan::ports::{self, PortsError};
use crate::supervise::folder::{self, Folder, FolderError};
use crate::supervise::managed_process::SupervisionContext;
use crate::supervise::orphans::{self, OrphanError};
use crate::supervise::ready::Probe;
use crate::supervise::stop::Stop;
use crate::supervise::supervisor::Supervisor;

/// Why a fleet does not start.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// No plan can be made from the command line.
    #[error(transparent)]
    Args(#[from] ArgsError),
    /// The folder of the fleet cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A process of an earlier start cannot be stopped.
    #[error(transparent)]
    Orphan(#[from] OrphanError),
    /// Ports are in use.
    #[error(transparent)]
    Ports(#[from] PortsError),
    /// Binaries are missing.
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    /// A database that a context needs cannot be created.
    #[error("the store of {context}: {source}")]
    Store {
        /// The context of the store.
        context: String,
        /// The error of the store.
        source: store::OpenError,
    },
    /// The HTTP client for readiness probes cannot be made.
    #[error("no HTTP client: {0}")]
    Probe(#[from] reqwest::Error),
    /// A process did not become ready. The reason was printed before the others were stopped.
    #[error("the fleet did not start")]
    NotReady,
}

/// Runs a fleet. Returns when all its processes have stopped, after a request to stop or after a failed start.
pub async fn up(args: &UpArgs, screen: &Screen, stop: &Stop) -> Result<(), UpError> {
    let (origin, plan) = args.plan(args.fleet.port_offset.unwrap_or(0))?;
    let folder = Folder::lock(&plan.dir)?;
    screen.line(format_args!("Fleet {} in {}", plan.fleet, plan.dir.display()));
    let context = SupervisionContext {
        screen: screen.clone(),
        folder: Arc::new(folder),
        stop: stop.clone(),
        ready_within: args.ready_within,
        grace: args.grace,
        probe: Probe::new()?,
    };
    let plan = tokio::select! {
        biased;
        () = stop.graceful.cancelled() => return Ok(()),
        prepared = prepare(args, &origin, plan, &context) => prepared?,
    };
    run(&plan, context).await
}

/// Does everything that can fail before a process is started. Returns the plan on free ports.
async fn prepare(args: &UpArgs, origin: &Origin, plan: Plan, context: &SupervisionContext) -> Result<Plan, UpError> {
    orphans::stop(&context.folder.pids, context.grace, &context.screen).await?;
    let mut plan = on_free_ports(args, plan, &context.screen)?;
    create_stores(&plan).await?;
    if let Origin::Workspace { root, folder } = origin {
        context.screen.line("Building the binaries (the first build takes minutes)");
        binaries::build(root, folder, &plan).await?;
        // The build may have taken minutes.
        ports::check(&plan.processes)?;
    }
    for name in binaries::set_up(&mut plan).await? {
        context.screen.line(format_args!("{name} is left out: this machine lacks what it needs"));
    }
    binaries::check(&plan, origin.folder())?;
    folder::lay_out(&plan)?;
    ports::keep_offset(&plan.dir, plan.port_offset).map_err(folder::not_writable(&plan.dir))?;
    Ok(plan)
}

/// The plan if its ports are free. Else, if the user has chosen no offset, the plan with the first offset whose ports are.
fn on_free_ports(args: &UpArgs, plan: Plan, screen: &Screen) -> Result<Plan, UpError> {
    let Err(taken) = ports::check(&plan.processes) else { return Ok(plan) };
    if args.fleet.port_offset.is_some() {
        return Err(taken.into());
    }
    // No plan is an offset that is too high for one of the ports.
    let plans = ports::offsets().filter_map(|offset| args.plan(offset).ok());
    let Some(free) = plans.map(|(_, plan)| plan).find(|plan| ports::check(&plan.processes).is_ok()) else {
        return Err(taken.into());
    };
    screen.line(format_args!("{}: all ports are {} higher", taken.taken(), free.port_offset));
    Ok(free)
}

/// Creates the databases on a server. SQLite files are created by the services.
async fn create_stores(plan: &Plan) -> Result<(), UpError> {
    for process in &plan.processes {
        if let Some(url) = process.env.get("STORE_URL") {
            let created = store::create_database(url).await;
            created.map_err(|source| UpError::Store { context: process.name.clone(), source })?;
        }
    }
    Ok(())
}

async fn run(plan: &Plan, context: SupervisionContext) -> Result<(), UpError> {
    let (began, screen, stop) = (Instant::now(), context.screen.clone(), context.stop.clone());
    let mut supervisor = Supervisor::new(context);
    let started = tokio::select! {
        biased;
        () = stop.graceful.cancelled() => Ok(()),
        started = supervisor.start(plan) => started,
    };
    match &started {
        Ok(()) if stop.graceful.is_cancelled() => {}
        Ok(()) => screen.line(startup_summary(plan, began.elapsed())),
        Err(error) => {
            screen.line(error);
            stop.request();
        }
    }
    let stopping = async {
        stop.graceful.cancelled().await;
        screen.line("Stopping");
    };
    tokio::join!(stopping, supervisor.supervise());
    started.map_err(|_| UpError::NotReady)
}
