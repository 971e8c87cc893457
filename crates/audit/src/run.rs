use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use messaging::Config;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, sleep};

use crate::{
    Args, ArgsError, ClientHistoryError, Fleet, Journal, JournalError, Operation, Report, Snapshot, StoreError, Stores,
};

/// How long it waits before it checks again.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Checks the stores and topics of a fleet against its laws. Exit code 0 if all hold, 1 if not, 2 if something cannot be read.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    audit: Args,
    /// The operations of clients with their responses, a JSON object per line:
    /// {"at":"2027-01-21T10:00:00Z","what":"NAME","id":5000,"status":201}
    #[arg(long, visible_alias = "told", value_name = "FILE")]
    client_history: Option<PathBuf>,
}

/// Shown to the user as one line.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Args(#[from] ArgsError),
    #[error(transparent)]
    ClientHistory(#[from] ClientHistoryError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("reading the topics was interrupted: {0}")]
    Interrupted(#[from] JoinError),
    #[error("the report cannot be written: {0}")]
    Report(#[from] io::Error),
}

/// The auditor of a fleet as a program of this name, with the arguments of the process.
pub async fn run(fleet: &'static Fleet, program: &'static str) -> ExitCode {
    let matches = Cli::command().name(program).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match check(fleet, &cli).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("{program}: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Whether all laws hold, at the latest when the time to wait is over.
async fn check(fleet: &'static Fleet, cli: &Cli) -> Result<bool, Failure> {
    let urls = cli.audit.stores(&fleet.context_names())?;
    let read = |path| Operation::read(path, fleet.operations);
    let client_history = cli.client_history.as_deref().map(read).transpose()?;
    let deadline = Instant::now() + cli.audit.wait;
    loop {
        let report = look(fleet, &cli.audit, &urls, client_history.as_deref()).await;
        let over = Instant::now() >= deadline;
        match report {
            Ok(report) if report.holds() || over => {
                show(&report, cli.audit.json)?;
                return Ok(report.holds());
            }
            Err(failure) if over => return Err(failure),
            Ok(_) | Err(_) => sleep(POLL_INTERVAL).await,
        }
    }
}

async fn look(
    fleet: &'static Fleet,
    args: &Args,
    urls: &BTreeMap<String, String>,
    client_history: Option<&[Operation]>,
) -> Result<Report, Failure> {
    let (stores, journal) = (Stores::read(fleet.contexts, urls).await?, read_journal(fleet, args.broker()?).await?);
    let snapshot = Snapshot { fleet, stores: &stores, journal: &journal, client_history };
    Ok(if args.all { snapshot.judge_with_all_histories() } else { snapshot.judge() })
}

async fn read_journal(fleet: &'static Fleet, broker: Config) -> Result<Journal, Failure> {
    Ok(spawn_blocking(move || Journal::read(&broker, &fleet.context_names())).await??)
}

fn show(report: &Report, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json { writeln!(out, "{}", serde_json::json!(report)) } else { write!(out, "{report}") }
}
