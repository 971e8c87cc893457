use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use ambient::{Clock, Ids, SystemClock};
use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt};
use opentelemetry_otlp::ExporterBuildError;
use tokio_util::sync::CancellationToken;

use crate::asker::{Doorkeeper, TrustError};
use crate::health::{Health, Heartbeat};
use crate::tasks::Tasks;
use crate::{Config, Spans, Threads, Workers};

/// What the process gives to the service that lives in it. Clones are handles to the same process.
#[derive(Clone)]
pub struct Host {
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    spans: Spans,
    draining: CancellationToken,
    tasks: Arc<Tasks>,
    health: Arc<Health>,
    doorkeeper: Option<Arc<Doorkeeper>>,
    workers: Workers,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("tasks", &self.tasks).finish_non_exhaustive()
    }
}

impl Host {
    /// A host with a time and ids of its own: for tests and simulations. [`run`](crate::run) makes the real one.
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
            doorkeeper: None,
            workers: Workers::default(),
        }
    }

    pub(crate) fn from_machine() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Self::new(Arc::clone(&clock), Arc::new(Ids::from_entropy(clock)))
    }

    /// The same host, whose spans are exported as the settings say.
    pub(crate) fn exporting(mut self, name: &'static str, config: &Config) -> Result<Self, ExporterBuildError> {
        if !config.otel_exporter_otlp_endpoint.is_empty() {
            let (endpoint, share) = (&config.otel_exporter_otlp_endpoint, config.otel_traces_sampler_arg);
            self.spans = self.spans.export(name, endpoint, share)?;
        }
        Ok(self)
    }

    /// The same host, which knows who asks if the settings say whom to believe.
    pub(crate) fn trusting(mut self, config: &Config) -> Result<Self, TrustError> {
        self.doorkeeper = Doorkeeper::new(&config.trust)?.map(Arc::new);
        Ok(self)
    }

    /// The same host, which serves connections in the threads that the settings say.
    pub(crate) fn serving(mut self, config: &Config) -> io::Result<Self> {
        if config.threads == Threads::PerCpu {
            self.workers = Workers::start()?;
        }
        Ok(self)
    }

    /// Where connections are served.
    pub const fn workers(&self) -> &Workers {
        &self.workers
    }

    /// Where spans go. A host that a test made has none.
    pub fn spans(&self) -> Spans {
        self.spans.clone()
    }

    /// The time.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Ids and randomness.
    pub fn ids(&self) -> Arc<Ids> {
        Arc::clone(&self.ids)
    }

    /// Cancelled when the process was told to end: streams of events end, no new ones begin.
    pub fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// Cancelled when the last request is answered: background tasks finish what they hold and end.
    pub fn stopping(&self) -> CancellationToken {
        self.tasks.stopping().clone()
    }

    /// The same stream, which ends when the process was told to end. Without this an open stream holds up a shutdown.
    pub fn until_draining<S: Stream>(&self, stream: S) -> impl Stream<Item = S::Item> + use<S> {
        stream.take_until(self.draining().cancelled_owned())
    }

    /// Starts a background task that lives as long as the process.
    ///
    /// If it ends or panics before [`stopping`](Self::stopping), the process stops with an error, so that its
    /// supervisor starts it again: a service that has lost a part of itself must not look healthy.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(name, task);
    }

    /// Does work that goes on though its client hangs up; the end of the process waits for it. `None` if it panicked.
    pub async fn see_through<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.tasks.see_through(work).await.ok().flatten()
    }

    /// Ends all tasks where they stand, as `kill -9` would: for simulations.
    pub fn kill(&self) {
        self.tasks.kill();
    }

    /// Adds a condition for being ready: `/readyz` says 503 while `check` fails or takes longer than a second.
    pub fn readiness<C>(&self, name: &'static str, check: C)
    where
        C: Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    {
        self.health.add_check(name, Box::new(check));
    }

    /// Adds a condition for being alive: `/livez` says 503 when the last beat is older than `max_age`.
    pub fn heartbeat(&self, name: &'static str, max_age: Duration) -> Heartbeat {
        self.health.add_heartbeat(name, max_age)
    }

    /// Tells everything to end, and waits for nothing.
    pub(crate) fn stop_at_once(&self) {
        self.draining.cancel();
        self.tasks.stopping().cancel();
    }

    pub(crate) fn doorkeeper(&self) -> Option<Arc<Doorkeeper>> {
        self.doorkeeper.clone()
    }

    pub(crate) const fn tasks(&self) -> &Arc<Tasks> {
        &self.tasks
    }

    pub(crate) const fn health(&self) -> &Arc<Health> {
        &self.health
    }
}
