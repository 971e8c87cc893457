use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use futures_util::future::OptionFuture;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Instant, interval, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::auth::trust::AuthSettingsError;
use crate::http::handshake::Plain;
use crate::http::listener;
use crate::http::router::Application;
use crate::http::server::serve;
use crate::process::config::{Config, LogFormat};
use crate::process::host::Host;
use crate::process::probe::{self, NotReady};
use crate::process::settings;
use crate::telemetry::logs::{self, TelemetryError};
use crate::telemetry::metrics;

/// Between two scrapes the histograms of the exporter grow without it.
const METRICS_UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Why a process ended with an error.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The log cannot be started.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The log file cannot be written.
    #[error("cannot write the log (set by LOG_FILE): {0}")]
    LogFile(#[source] io::Error),
    /// The operating system provides no threads or no signals.
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
    /// The address is not available.
    #[error("cannot listen on {address} (set by LISTEN): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The probed process is not ready.
    #[error("not ready: {0}")]
    NotReady(#[from] NotReady),
    /// The address of the collector is invalid.
    #[error("cannot export spans (set by OTEL_EXPORTER_OTLP_ENDPOINT): {0}")]
    Spans(#[source] opentelemetry_otlp::ExporterBuildError),
    /// Authentication cannot be set up.
    #[error("cannot set up authentication: {0}")]
    AuthSettings(#[from] AuthSettingsError),
    /// The service could not be built.
    #[error("cannot start: {0:#}")]
    Build(anyhow::Error),
    /// A background task ended early.
    #[error("the task {0:?} ended before the shutdown")]
    TaskEnded(&'static str),
    /// The shutdown did not end within the grace period.
    #[error("cut off after {grace:?} (set by SHUTDOWN_GRACE): {}", unfinished.join(", "))]
    CutOff {
        /// The grace period.
        grace: Duration,
        /// The unfinished tasks.
        unfinished: Vec<&'static str>,
    },
}

/// Runs a service from start to shutdown: the whole `main` of a service binary.
///
/// `build` starts the background tasks and returns the routes. SIGTERM and SIGINT start the shutdown: `/readyz`
/// responds 503, streams end, requests in flight finish, background tasks end, all within the grace period. The exit
/// code is 0 after a complete shutdown.
#[expect(clippy::needless_pass_by_value, reason = "a main has no further use for its settings")]
pub fn run<B, A>(name: &'static str, config: Config, build: B) -> ExitCode
where
    B: AsyncFnOnce(Host) -> anyhow::Result<A>,
    A: Application,
{
    let ended = if config.probe {
        probe::check_ready(config.listen).map_err(RunError::from)
    } else {
        start(name, &config, build)
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match (config.log_format, &error) {
                // Plain text also before the log is started.
                (LogFormat::Text, _) | (_, RunError::Telemetry(_) | RunError::LogFile(_)) => {
                    eprintln!("{name}: {error}");
                }
                (LogFormat::Json, _) => tracing::error!(service = name, "{error}"),
            }
            ExitCode::FAILURE
        }
    }
}

fn start<B, A>(name: &'static str, config: &Config, build: B) -> Result<(), RunError>
where
    B: AsyncFnOnce(Host) -> anyhow::Result<A>,
    A: Application,
{
    files::private_umask();
    tls_provider::install();
    config.log_file.start().map_err(RunError::LogFile)?;
    logs::start(config)?;
    settings::warn_of_old_names(&settings::RENAMED);
    raise_open_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(RunError::Runtime)?;
    let ended = runtime.block_on(async {
        let shutdown = shutdown_signal(config.stop_on_stdin_eof).map_err(RunError::Runtime)?;
        let listener = listen(config.listen)?;
        let host = Host::from_system().with_threads(config).map_err(RunError::Runtime)?;
        let host = host.with_span_export(name, config).map_err(RunError::Spans)?.with_authentication(config)?;
        let spans = host.spans();
        tracing::info!(service = name, ?spans, "starting");
        let ended = run_until(host, config, listener, build, shutdown).await;
        spans.flush().await;
        ended
    });
    // Aborted work must not hold up the end of the process.
    runtime.shutdown_background();
    logs::report_suppressed();
    ended
}

/// Every connection is an open file. Many systems have a soft limit of 1024.
fn raise_open_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, RunError> {
    listener::listen(address).map_err(|source| RunError::Listen { address, source })
}

/// Resolves at the first SIGTERM or SIGINT, with `stdin_counts` also at the end of standard input.
fn shutdown_signal(stdin_counts: bool) -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stdin = if stdin_counts { Some(stdin_ended()?) } else { None };
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            Some(_) = OptionFuture::from(stdin) => {}
        }
    })
}

/// Resolves at the end of standard input. The runtime would wait for a blocking thread of its own at shutdown.
fn stdin_ended() -> io::Result<oneshot::Receiver<()>> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // A read error counts as the end.
        let _ended = io::copy(&mut io::stdin().lock(), &mut io::sink());
        sender.send(())
    })?;
    Ok(receiver)
}

/// Runs a service in the current runtime until `shutdown` resolves: for tests and simulations.
pub async fn run_until<B, A>(
    host: Host,
    config: &Config,
    listener: TcpListener,
    build: B,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError>
where
    B: AsyncFnOnce(Host) -> anyhow::Result<A>,
    A: Application,
{
    let exporter = metrics::exporter();
    let host = host.with_allowed_hosts(config);
    let mut shutdown = pin!(shutdown);
    let routes = tokio::select! {
        routes = build(host.clone()) => routes,
        () = &mut shutdown => return shut_down(&host, config.shutdown_grace, ready(())).await,
    };
    let routes = routes.inspect_err(|_| host.cancel_all()).map_err(RunError::Build)?;
    let app = routes.within(&host, config);
    if host.authenticator().is_none() && !config.begins_traces {
        tracing::warn!(
            "authentication is DISABLED: every caller may do anything (INTERNAL_TOKEN_PUBLIC_KEY_FILE is not set)"
        );
    }
    tracing::info!(address = listener.local_addr().ok().map(tracing::field::display), "serving");
    let server = serve(listener, Plain, app, config.serve_limits(), host.clone());
    let server = AbortOnDropHandle::new(tokio::spawn(server));
    let mut upkeep = interval(METRICS_UPKEEP_INTERVAL);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            () = host.tasks().failed() => break,
            _ = upkeep.tick() => exporter.run_upkeep(),
        }
    }
    shut_down(&host, config.shutdown_grace, server).await
}

async fn shut_down(host: &Host, grace: Duration, server: impl Future) -> Result<(), RunError> {
    tracing::info!(?grace, "ending");
    let deadline = Instant::now() + grace;
    host.draining().cancel();
    let mut unfinished = Vec::new();
    if timeout_at(deadline - grace / 5, server).await.is_err() {
        unfinished.push("requests in flight");
    }
    if timeout_at(deadline, host.tasks().stop()).await.is_err() {
        unfinished.extend(host.tasks().running());
    }
    match host.tasks().failed_task() {
        _ if !unfinished.is_empty() => Err(RunError::CutOff { grace, unfinished }),
        Some(task) => Err(RunError::TaskEnded(task)),
        None => Ok(()),
    }
}
