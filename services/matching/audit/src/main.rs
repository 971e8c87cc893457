//! `matching-audit`: holds a matching fleet against its laws. Ends with 0 if all hold, 1 if not, 2 if it cannot be read.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use audit::{Args, ArgsError, Journal, JournalError, Report, StoreError};
use clap::Parser;
use matching_audit::{CONTEXTS, Stores, Told, ToldError, history, judge};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, sleep};

/// How long it waits before it judges again.
const AGAIN: Duration = Duration::from_secs(1);

/// Holds a matching fleet against its laws; ends with 0 if all hold, 1 if not, 2 if it cannot be read.
#[derive(Debug, Parser)]
#[command(name = "matching-audit", version)]
struct Cli {
    #[command(flatten)]
    audit: Args,
    /// What clients asked for and were told, a JSON object per line:
    /// {"at":"2027-01-21T10:00:00Z","what":"request","id":5000,"price":50000,"status":201}
    #[arg(long)]
    told: Option<PathBuf>,
}

/// Each of these is told to the user as one line.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Args(#[from] ArgsError),
    #[error(transparent)]
    Told(#[from] ToldError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("reading the topics broke off: {0}")]
    Reading(#[from] JoinError),
    #[error("nobody reads the report: {0}")]
    Report(#[from] io::Error),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("matching-audit: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Whether all laws hold.
async fn run(cli: &Cli) -> Result<bool, Failure> {
    let stores = cli.audit.stores(&CONTEXTS)?;
    let told = cli.told.as_deref().map(Told::read).transpose()?;
    let deadline = Instant::now() + cli.audit.wait;
    loop {
        let looked = look(&cli.audit, &stores, told.as_deref()).await;
        let over = Instant::now() >= deadline;
        match looked {
            Ok(report) if report.holds() || over => {
                show(&report, cli.audit.json)?;
                return Ok(report.holds());
            }
            Err(failure) if over => return Err(failure),
            Ok(_) | Err(_) => sleep(AGAIN).await,
        }
    }
}

async fn look(args: &Args, urls: &BTreeMap<String, String>, told: Option<&[Told]>) -> Result<Report, Failure> {
    let stores = Stores::read(urls).await?;
    let broker = args.broker()?;
    let journal = spawn_blocking(move || Journal::read(&broker, &CONTEXTS)).await??;
    let report = judge(&stores, &journal, told);
    if !args.all {
        return Ok(report);
    }
    Ok(Report::new(report.verdicts, usize::MAX, |case| history(&stores, &journal, told, case)))
}

fn show(report: &Report, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json { writeln!(out, "{}", serde_json::json!(report)) } else { write!(out, "{report}") }
}
