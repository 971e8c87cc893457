//! `flotilla audit`, `flotilla chaos` and `flotilla bench`: run programs that check or measure a fleet.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use clap::Args;
use tokio::process::Command;

use crate::describe::fleets::{self, Fleet, FleetError};
use crate::plan::args::{ArgsError, FleetArgs, absolute};
use crate::plan::binaries::{self, BinariesError, Origin};
use crate::plan::{Plan, PlanError, Role, Settings};
use manifest::Check;

/// Exit code of a check that could not be made. Code 1 means that the check has found something.
pub const NOT_CHECKED: u8 = 2;

/// Arguments of `flotilla audit`.
#[derive(Debug, Clone, Args)]
pub struct AuditArgs {
    /// The fleet.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Arguments of the auditor, such as `--wait 30s`; `-- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "AUDITOR ARGUMENTS")]
    pub rest: Vec<String>,
}

/// Arguments of `flotilla chaos` and `flotilla bench`, which start fleets of their own.
#[derive(Debug, Clone, Args)]
pub struct OwnFleetArgs {
    /// Name of the fleet, or path of a fleet.toml [default: the first fleet found]
    #[arg(long, env = "FLOTILLA_FLEET")]
    pub fleet: Option<String>,
    /// Folder of the binaries [default: build them in the workspace, else the folder of this command]
    #[arg(long, env = "FLOTILLA_BINARIES")]
    pub binaries: Option<PathBuf>,
    /// Arguments of the program, such as `--minutes 2` or `--quick`; `-- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PROGRAM ARGUMENTS")]
    pub rest: Vec<String>,
}

/// Why a check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// No plan can be made from the command line.
    #[error(transparent)]
    Args(#[from] ArgsError),
    /// The fleet does not declare the check.
    #[error("the fleet {fleet} declares no {section}: its fleet.toml has no [{section}]")]
    None {
        /// The name of the fleet.
        fleet: String,
        /// The missing section of `fleet.toml`.
        section: &'static str,
    },
    /// The fleet is embedded, and the program needs the path of a `fleet.toml`.
    #[error("the fleet {0} is embedded in this command: name its file with --fleet path/to/fleet.toml")]
    NoFile(String),
    /// The program is missing.
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    /// The program cannot be started.
    #[error("{} does not start: {source}", program.display())]
    Start {
        /// The path of the program.
        program: PathBuf,
        /// The error of the operating system.
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

/// Runs the auditor of the fleet. Returns its exit code.
pub async fn audit(args: &AuditArgs) -> Result<u8, CheckError> {
    let (origin, fleet) = args.fleet.find()?;
    let check = declared(fleet.manifest.audit.as_ref(), &fleet, "audit")?;
    let (_, plan) = args.fleet.plan()?;
    let mut auditor = Command::new(program(&origin, check).await?);
    auditor.env("FLEET", &plan.fleet).env("KAFKA_BROKERS", &plan.brokers);
    auditor.envs(plan.security.env());
    for process in plan.processes.iter().filter(|process| process.role == Role::Context) {
        let variable = format!("STORE_URL_{}", process.name.to_ascii_uppercase().replace('-', "_"));
        // Not an argument: a URL may contain a password, and arguments are public on the machine.
        auditor.envs(process.env.get("STORE_URL").map(|url| (variable, url)));
    }
    run(auditor.args(&args.rest)).await
}

/// Runs the chaos test of the fleet. Returns its exit code.
pub async fn chaos(args: &OwnFleetArgs) -> Result<u8, CheckError> {
    let origin = args.origin()?;
    let fleet = fleets::find(args.fleet.as_deref(), origin.workspace())?;
    let check = declared(fleet.manifest.chaos.as_ref(), &fleet, "chaos")?;
    args.run(&origin, &fleet, check).await
}

/// Measures the figures of the fleet. Returns the exit code of the program.
pub async fn bench(args: &OwnFleetArgs) -> Result<u8, CheckError> {
    let origin = args.origin()?;
    let fleet = fleets::find(args.fleet.as_deref(), origin.workspace())?;
    args.run(&origin, &fleet, &Check { package: "bench".to_owned(), binary: "flotilla-bench".to_owned() }).await
}

impl OwnFleetArgs {
    fn origin(&self) -> Result<Origin, CheckError> {
        Ok(Origin::of_this_command(self.binaries.as_deref().map(absolute).transpose()?)?)
    }

    /// Builds the program and the fleet, and runs the program.
    async fn run(&self, origin: &Origin, fleet: &Fleet, check: &Check) -> Result<u8, CheckError> {
        let file = fleets::file(self.fleet.as_deref(), origin.workspace())?;
        let file = file.ok_or_else(|| CheckError::NoFile(fleet.manifest.name.clone()))?;
        let program = program(origin, check).await?;
        if let Origin::Workspace { root, folder } = origin {
            binaries::build(root, folder, &Plan::new(fleet, &Settings::embedded(".", folder))?).await?;
        }
        let mut command = Command::new(program);
        command.args(["--manifest".as_ref(), absolute(&file)?.as_os_str()]);
        command.args(["--binaries".as_ref(), origin.folder().as_os_str()]);
        run(command.args(&self.rest)).await
    }
}

fn declared<'a>(check: Option<&'a Check>, fleet: &Fleet, section: &'static str) -> Result<&'a Check, CheckError> {
    check.ok_or_else(|| CheckError::None { fleet: fleet.manifest.name.clone(), section })
}

/// The path of the program. In the workspace it is built first.
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

/// The exit code; [`NOT_CHECKED`] for a program that a signal killed.
fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(NOT_CHECKED)
}
