//! `flotilla-broker`: a broker that speaks Kafka's protocol and keeps its log in one SQLite file.
//!
//! It is Tansu, embedded, for the start with one command and for tests. It knows no passwords and no TLS, so it
//! is for one machine. It is a binary of its own because its SQLite cannot be linked beside the one of sqlx.

mod broker;
mod ends;
mod folder;
mod frames;
mod groups;
mod index;
mod records;
mod routes;
mod waiting;

use clap::{ArgAction, Parser};
use std::{
    future::pending,
    io::{self, IsTerminal},
    process::ExitCode,
    thread,
    time::Duration,
};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

/// How long what is still running may take to end after a signal, before it is left behind.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// A broker for one machine that speaks Kafka's protocol and keeps its log in one SQLite file.
#[derive(Debug, Parser)]
#[command(name = "flotilla-broker", version)]
struct Settings {
    #[command(flatten)]
    broker: broker::Config,
    #[command(flatten)]
    log_file: files::LogFile,
    /// Whether the end of standard input counts as SIGTERM: for a supervisor that holds the other end of it.
    #[arg(long, env = "STOP_ON_STDIN_EOF", default_value = "false", action = ArgAction::Set, hide_short_help = true)]
    stop_on_stdin_eof: bool,
}

/// Each of these is told to the user as one line.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("LOG={filter}: {reason}")]
    Log { filter: String, reason: String },
    #[error("the log cannot be written (set by LOG_FILE): {0}")]
    LogFile(#[source] io::Error),
    #[error("the runtime does not start: {0}")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Folder(#[from] folder::Unusable),
    #[error(transparent)]
    Broker(#[from] broker::Failure),
}

fn main() -> ExitCode {
    tls_provider::install();
    match run(&Settings::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("flotilla-broker: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(Settings { broker, log_file, stop_on_stdin_eof }: &Settings) -> Result<(), Failure> {
    files::private_umask();
    log_file.start().map_err(Failure::LogFile)?;
    log_to_stderr(&broker.log)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::Runtime)?;
    let _owned = folder::own(&broker.dir)?;
    let supervisor = if *stop_on_stdin_eof { Some(stdin_ended().map_err(Failure::Runtime)?) } else { None };
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = broker::serve(broker) => ended,
            () = gone(supervisor) => Ok(()),
        }
    });
    runtime.shutdown_timeout(STOP_WITHIN);
    Ok(ended?)
}

/// Told when standard input has ended. Its thread is not the runtime's, which would wait for it at the end.
fn stdin_ended() -> io::Result<oneshot::Receiver<()>> {
    let (tell, told) = oneshot::channel();
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // One that cannot be read has ended too.
        let _ended = io::copy(&mut io::stdin().lock(), &mut io::sink());
        tell.send(())
    })?;
    Ok(told)
}

/// Resolves when the supervisor is gone; never if there is none.
async fn gone(supervisor: Option<oneshot::Receiver<()>>) {
    match supervisor {
        Some(told) => drop(told.await),
        None => pending().await,
    }
}

fn log_to_stderr(filter: &str) -> Result<(), Failure> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|error| Failure::Log { filter: filter.to_owned(), reason: error.to_string() })?;
    let stderr = io::stderr;
    let subscriber = tracing_subscriber::fmt().with_env_filter(parsed).with_ansi(stderr().is_terminal());
    // A line that cannot be written, as the disk is full, is lost: to say so would be a panic.
    subscriber.with_writer(stderr).log_internal_errors(false).init();
    Ok(())
}
