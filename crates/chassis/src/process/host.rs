use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use ambient::{Clock, Ids, SystemClock};
use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt};
use opentelemetry_otlp::ExporterBuildError;
use tokio_util::sync::CancellationToken;

use crate::auth::authenticator::Authenticator;
use crate::auth::trust::AuthSettingsError;
use crate::http::allowed_hosts::{AllowedHosts, HostNames};
use crate::process::config::{Config, Threads};
use crate::process::health::{Health, Heartbeat};
use crate::process::tasks::Tasks;
use crate::process::workers::Workers;
use crate::telemetry::spans::Spans;

/// The process as the service sees it: clock, ids, background tasks, health, shutdown. Clones share one process.
#[derive(Clone)]
pub struct Host {
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    spans: Spans,
    draining: CancellationToken,
    tasks: Arc<Tasks>,
    health: Arc<Health>,
    authenticator: Option<Arc<Authenticator>>,
    workers: Workers,
    named_hosts: Arc<HostNames>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("tasks", &self.tasks).finish_non_exhaustive()
    }
}

impl Host {
    /// A host with this clock and these ids: for tests and simulations. [`run`](crate::run) makes the real one.
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<Ids>) -> Self {
        let draining = CancellationToken::new();
        let health = Arc::new(Health::new(draining.clone()));
        let spans = Spans::unwanted(Arc::clone(&clock), Arc::clone(&ids));
        Self {
            clock,
            ids,
            spans,
            draining,
            tasks: Arc::default(),
            health,
            authenticator: None,
            workers: Workers::default(),
            named_hosts: Arc::default(),
        }
    }

    pub(crate) fn from_system() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Self::new(Arc::clone(&clock), Arc::new(Ids::from_entropy(clock)))
    }

    /// Exports spans, if the settings name a collector.
    pub(crate) fn with_span_export(mut self, name: &'static str, config: &Config) -> Result<Self, ExporterBuildError> {
        if !config.otel_exporter_otlp_endpoint.is_empty() {
            let (endpoint, share) = (&config.otel_exporter_otlp_endpoint, config.otel_traces_sampler_arg);
            self.spans = self.spans.export(name, endpoint, share)?;
        }
        Ok(self)
    }

    /// Authenticates callers, if the settings name a key file.
    pub(crate) fn with_authentication(mut self, config: &Config) -> Result<Self, AuthSettingsError> {
        self.authenticator = Authenticator::new(&config.trust)?.map(Arc::new);
        Ok(self)
    }

    /// Starts the threads of the settings.
    pub(crate) fn with_threads(mut self, config: &Config) -> io::Result<Self> {
        if config.threads == Threads::PerCpu {
            self.workers = Workers::start()?;
        }
        Ok(self)
    }

    /// Sets the allowed hosts of the settings.
    pub(crate) fn with_allowed_hosts(mut self, config: &Config) -> Self {
        self.named_hosts = Arc::new(config.allowed_hosts.clone());
        self
    }

    /// The allowed hosts. `unauthenticated`: authentication is disabled in this process.
    pub fn allowed_hosts(&self, unauthenticated: bool) -> AllowedHosts {
        AllowedHosts::new(Arc::clone(&self.named_hosts), unauthenticated)
    }

    /// The threads that serve connections.
    pub const fn workers(&self) -> &Workers {
        &self.workers
    }

    /// The exporter of spans. A host made by a test exports none.
    pub fn spans(&self) -> Spans {
        self.spans.clone()
    }

    /// The clock.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The source of ids and randomness.
    pub fn ids(&self) -> Arc<Ids> {
        Arc::clone(&self.ids)
    }

    /// Cancelled at the start of the shutdown: event streams end, no new ones start.
    pub fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// Cancelled after the last response: background tasks finish their current work and end.
    pub fn stopping(&self) -> CancellationToken {
        self.tasks.stopping().clone()
    }

    /// Ends the stream at the start of the shutdown. An open stream would hold up the shutdown.
    pub fn until_draining<S: Stream>(&self, stream: S) -> impl Stream<Item = S::Item> + use<S> {
        stream.take_until(self.draining().cancelled_owned())
    }

    /// Starts a background task that lives as long as the process.
    ///
    /// If it ends or panics before [`stopping`](Self::stopping), the process stops with an error and its supervisor
    /// restarts it: a process without one of its tasks must not look healthy.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(name, task);
    }

    /// Runs work to completion even if the client disconnects; the shutdown waits for it. `None` if it panicked.
    pub async fn run_to_completion<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.tasks.run_to_completion(work).await.ok().flatten()
    }

    /// Drops all tasks at once, like `kill -9`: for simulations.
    pub fn kill(&self) {
        self.tasks.kill();
    }

    /// Adds a readiness check: `/readyz` responds 503 while `check` fails or takes longer than a second.
    pub fn readiness<C>(&self, name: &'static str, check: C)
    where
        C: Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    {
        self.health.add_check(name, Box::new(check));
    }

    /// Adds a liveness check: `/livez` responds 503 when the last beat is older than `max_age`.
    pub fn heartbeat(&self, name: &'static str, max_age: Duration) -> Heartbeat {
        self.health.add_heartbeat(name, max_age)
    }

    /// Starts the shutdown of everything, without waiting.
    pub(crate) fn cancel_all(&self) {
        self.draining.cancel();
        self.tasks.stopping().cancel();
    }

    pub(crate) fn authenticator(&self) -> Option<Arc<Authenticator>> {
        self.authenticator.clone()
    }

    pub(crate) const fn tasks(&self) -> &Arc<Tasks> {
        &self.tasks
    }

    pub(crate) const fn health(&self) -> &Arc<Health> {
        &self.health
    }
}
