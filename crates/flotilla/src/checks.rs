//! `flotilla audit` and `flotilla chaos`: run what a fleet declares to check it, and tell how that ended.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use clap::Args;
use tokio::process::Command;

use crate::args::{ArgsError, FleetArgs, absolute};
use crate::binaries::{self, BinariesError, Origin};
use crate::fleets::{self, Fleet, FleetError};
use crate::manifest::Check;
use crate::plan::{Plan, PlanError, Role, Settings};

/// How a check ends that could not be made: 1 is for one that has found something.
pub const NOT_CHECKED: u8 = 2;

/// What `flotilla audit` can be told.
#[derive(Debug, Clone, Args)]
pub struct AuditArgs {
    /// The fleet, as `flotilla up` is told.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Everything after it is for the auditor of the fleet, such as `--wait 30s`; `-- --help` shows what it can be told
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FOR THE AUDITOR")]
    pub rest: Vec<String>,
}

/// What `flotilla chaos` can be told.
#[derive(Debug, Clone, Args)]
pub struct ChaosArgs {
    /// The fleet: its name, or the path of a fleet.toml [default: the first there is]
    #[arg(long, env = "FLOTILLA_FLEET")]
    pub fleet: Option<String>,
    /// The folder of the binaries [default: built when in the workspace, otherwise beside this command]
    #[arg(long, env = "FLOTILLA_BINARIES")]
    pub binaries: Option<PathBuf>,
    /// Everything after it is for what brings the chaos, such as `--minutes 2`; `-- --help` shows what it can be told
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FOR THE CHAOS")]
    pub rest: Vec<String>,
}

/// Why a fleet is not checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The command line leads to no plan.
    #[error(transparent)]
    Args(#[from] ArgsError),
    /// The fleet declares no such check.
    #[error("the fleet {fleet} declares no {section}: its fleet.toml has no [{section}]")]
    None {
        /// Which.
        fleet: String,
        /// What it could declare.
        section: &'static str,
    },
    /// There is no fleet.toml that could be handed on.
    #[error("the fleet {0} is known by its text alone: name its file with --fleet path/to/fleet.toml")]
    NoFile(String),
    /// The program is not there.
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    /// The program does not start.
    #[error("{} does not start: {source}", program.display())]
    Start {
        /// Which.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl From<FleetError> for CheckError {
    fn from(error: FleetError) -> Self {
        Self::Args(error.into())
    }
}

impl From<PlanError> for CheckError {
    fn from(error: PlanError) -> Self {
        Self::Args(error.into())
    }
}

/// Runs the auditor of the fleet, and tells with which code it ended.
pub async fn audit(args: &AuditArgs) -> Result<u8, CheckError> {
    let (origin, fleet) = args.fleet.find()?;
    let check = declared(fleet.manifest.audit.as_ref(), &fleet, "audit")?;
    let (_, plan) = args.fleet.plan()?;
    let mut auditor = Command::new(program(&origin, check).await?);
    auditor.env("FLEET", &plan.fleet).env("KAFKA_BROKERS", &plan.brokers);
    auditor.envs(plan.security.env());
    for process in plan.processes.iter().filter(|process| process.role == Role::Context) {
        let variable = format!("STORE_URL_{}", process.name.to_ascii_uppercase().replace('-', "_"));
        // Not an argument: a URL may hold a password, and everybody sees arguments.
        auditor.envs(process.env.get("STORE_URL").map(|url| (variable, url)));
    }
    run(auditor.args(&args.rest)).await
}

/// Runs what brings chaos to the fleet, and tells with which code it ended.
pub async fn chaos(args: &ChaosArgs) -> Result<u8, CheckError> {
    let origin = Origin::of_this_command(args.binaries.as_deref().map(absolute).transpose()?)?;
    let (chosen, workspace) = (args.fleet.as_deref(), origin.workspace());
    let fleet = fleets::find(chosen, workspace)?;
    let check = declared(fleet.manifest.chaos.as_ref(), &fleet, "chaos")?;
    let file = fleets::file(chosen, workspace)?.ok_or_else(|| CheckError::NoFile(fleet.manifest.name.clone()))?;
    let program = program(&origin, check).await?;
    if let Origin::Workspace { root, folder } = &origin {
        // It starts fleets of its own.
        binaries::build(root, folder, &Plan::new(&fleet, &Settings::embedded(".", folder))?).await?;
    }
    let mut chaos = Command::new(program);
    chaos.args(["--manifest".as_ref(), absolute(&file)?.as_os_str()]);
    chaos.args(["--binaries".as_ref(), origin.folder().as_os_str()]);
    run(chaos.args(&args.rest)).await
}

fn declared<'a>(check: Option<&'a Check>, fleet: &Fleet, section: &'static str) -> Result<&'a Check, CheckError> {
    check.ok_or_else(|| CheckError::None { fleet: fleet.manifest.name.clone(), section })
}

/// The program of a check; in the workspace it is built first.
async fn program(origin: &Origin, check: &Check) -> Result<PathBuf, CheckError> {
    if let Origin::Workspace { root, folder } = origin {
        binaries::build_check(root, folder, check).await?;
    }
    let program = origin.folder().join(&check.binary);
    if program.is_file() {
        return Ok(program);
    }
    Err(BinariesError::Missing { folder: origin.folder().to_owned(), names: check.binary.clone() }.into())
}

async fn run(command: &mut Command) -> Result<u8, CheckError> {
    let ended = command.kill_on_drop(true).status().await;
    let program = Path::new(command.as_std().get_program()).to_owned();
    ended.map(code).map_err(|source| CheckError::Start { program, source })
}

/// What was killed has checked nothing.
fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(NOT_CHECKED)
}
