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

use crate::probe::{self, NotReady};
use crate::{App, Config, Host, LogFormat, Plain, TelemetryError, TrustError, http_metrics, serve, telemetry};

/// Without it the histograms of the exporter grow until someone asks for them.
const METRICS_UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Why a process ended with an error.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no log.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The operating system gives no threads or no signals.
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
    /// The address cannot be had.
    #[error("cannot listen on {address} (set by LISTEN): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The process that was asked is not ready.
    #[error("not ready: {0}")]
    NotReady(#[from] NotReady),
    /// Where spans are to be sent to is no address.
    #[error("cannot export spans (set by OTEL_EXPORTER_OTLP_ENDPOINT): {0}")]
    Spans(#[source] opentelemetry_otlp::ExporterBuildError),
    /// It cannot be known who asks.
    #[error("cannot know who asks: {0}")]
    Trust(#[from] TrustError),
    /// The service could not be built.
    #[error("cannot start: {0:#}")]
    Build(anyhow::Error),
    /// A background task was lost.
    #[error("the task {0:?} ended before it was told to stop")]
    TaskEnded(&'static str),
    /// The grace period was too short.
    #[error("cut off after {grace:?} (set by SHUTDOWN_GRACE): {}", unfinished.join(", "))]
    CutOff {
        /// How long there was.
        grace: Duration,
        /// What had not ended.
        unfinished: Vec<&'static str>,
    },
}

/// Runs a service from its start to its end: the whole `main` of a service binary.
///
/// `build` starts the background tasks and returns the routes. SIGTERM and SIGINT end the service in order: `/readyz`
/// says 503, streams end, requests in flight are answered, background tasks end. All of that is bounded by the grace
/// period. The exit code is 0 when everything ended as it should.
#[expect(clippy::needless_pass_by_value, reason = "a main has no further use for its settings")]
pub fn run<B, A>(name: &'static str, config: Config, build: B) -> ExitCode
where
    B: AsyncFnOnce(Host) -> anyhow::Result<A>,
    A: App,
{
    let ended =
        if config.probe { probe::ask(config.listen).map_err(RunError::from) } else { start(name, &config, build) };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match (config.log_format, &error) {
                // Also where nobody can read a log: before there is one, and for the person who typed the command.
                (LogFormat::Text, _) | (_, RunError::Telemetry(_)) => eprintln!("{name}: {error}"),
                (LogFormat::Json, _) => tracing::error!(service = name, "{error}"),
            }
            ExitCode::FAILURE
        }
    }
}

fn start<B, A>(name: &'static str, config: &Config, build: B) -> Result<(), RunError>
where
    B: AsyncFnOnce(Host) -> anyhow::Result<A>,
    A: App,
{
    telemetry::start(config)?;
    allow_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(RunError::Runtime)?;
    let ended = runtime.block_on(async {
        let told_to_end = told_to_end(config.stop_on_stdin_eof).map_err(RunError::Runtime)?;
        let listener = listen(config.listen).await?;
        let host = Host::from_machine().serving(config).map_err(RunError::Runtime)?;
        let host = host.exporting(name, config).map_err(RunError::Spans)?.trusting(config)?;
        let spans = host.spans();
        tracing::info!(service = name, ?spans, "starting");
        let ended = run_until(host, config, listener, build, told_to_end).await;
        spans.flush().await;
        ended
    });
    // What was cut off must not hold up the end of the process.
    runtime.shutdown_background();
    ended
}

/// Every connection is an open file. Many systems allow a process only 1024 until it asks for what it may have.
fn allow_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })
}

/// Resolves at the first SIGTERM or SIGINT after this call; at the end of standard input too, if that counts.
fn told_to_end(stdin_counts: bool) -> io::Result<impl Future<Output = ()>> {
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

/// Runs a service within a runtime that is there already, until `told_to_end` resolves: for tests and simulations.
pub async fn run_until<B, A>(
    host: Host,
    config: &Config,
    listener: TcpListener,
    build: B,
    told_to_end: impl Future<Output = ()>,
) -> Result<(), RunError>
where
    B: AsyncFnOnce(Host) -> anyhow::Result<A>,
    A: App,
{
    let exporter = http_metrics::exporter();
    let mut told_to_end = pin!(told_to_end);
    let routes = tokio::select! {
        routes = build(host.clone()) => routes,
        () = &mut told_to_end => return end(&host, config.shutdown_grace, ready(())).await,
    };
    let routes = routes.inspect_err(|_| host.stop_at_once()).map_err(RunError::Build)?;
    let app = routes.within(&host, config);
    if host.doorkeeper().is_none() && !config.begins_traces {
        tracing::warn!("OPEN: whoever reaches this process may do everything (PASS_KEY_FILE is not set)");
    }
    tracing::info!(address = listener.local_addr().ok().map(tracing::field::display), "serving");
    let server = serve(listener, Plain, app, config.serve_limits(), host.clone());
    let server = AbortOnDropHandle::new(tokio::spawn(server));
    let mut upkeep = interval(METRICS_UPKEEP_EVERY);
    loop {
        tokio::select! {
            () = &mut told_to_end => break,
            () = host.tasks().failed() => break,
            _ = upkeep.tick() => exporter.run_upkeep(),
        }
    }
    end(&host, config.shutdown_grace, server).await
}

async fn end(host: &Host, grace: Duration, server: impl Future) -> Result<(), RunError> {
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
    match host.tasks().lost() {
        _ if !unfinished.is_empty() => Err(RunError::CutOff { grace, unfinished }),
        Some(task) => Err(RunError::TaskEnded(task)),
        None => Ok(()),
    }
}
