//! Rows as live streams, and requests that wait for a row.

pub(crate) mod prefer;
pub(crate) mod steps;
pub(crate) mod stream;
pub(crate) mod subscriptions;
pub(crate) mod versions;

use std::sync::Arc;
use std::time::Duration;

use ambient::Timestamp;
use axum::extract::FromRef;
use chassis::{Host, Scope};
use events::Key;
use store::{Row, sqlx};
use tokio::time::{Instant, sleep_until};

use crate::{Repository, Representation, StepLog, Subscription, Subscriptions, VersionVector};

/// The interval at which a row is read without a notification: another replica may have changed it.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A row whose history is a sequence of steps. Its live stream has one message for each.
pub trait Streamed: Representation {
    /// The field of a message that has the status of the document. Its `status` is the step of the message.
    const OWN_STATUS: &'static str;

    /// The steps that are known.
    fn log(state: &<Self::Row as Row>::State) -> StepLog;

    /// The name and the time of a step.
    fn step(state: &<Self::Row as Row>::State, step: usize) -> (&'static str, Option<Timestamp>);
}

/// A row that changes in independent parts. Its live stream has the document whenever more is known of the row.
pub trait Versioned: Representation {
    /// The version. Equal versions have equal documents.
    fn version(state: &<Self::Row as Row>::State) -> VersionVector;
}

/// The limits of the live streams and waiting requests of a process.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(skip)]
pub struct LiveLimits {
    /// Live streams that may be open at the same time; further ones are rejected with 503
    #[arg(long, env = "LIVE_STREAMS", default_value_t = 2000)]
    pub live_streams: usize,

    /// The longest wait of a live stream, or of a request with Prefer: wait, for a row. Shorter than the gateway's time
    /// limit (10s, unless its routes set another)
    #[arg(long, env = "LIVE_WAIT", default_value = "5s", value_parser = humantime::parse_duration)]
    pub live_wait: Duration,

    /// Requests with Prefer: wait that may wait at the same time; further ones are answered at once
    #[arg(long, env = "LIVE_WAITING", default_value_t = 500)]
    pub live_waiting: usize,
}

/// The rows of a table that can be followed, and waited for.
pub struct Live<R: Row<Key: Key>> {
    rows: Repository<R>,
    subscriptions: Arc<Subscriptions<R::Key>>,
    host: Host,
    longest_wait: Duration,
}

impl<R: Row<Key: Key>> Clone for Live<R> {
    fn clone(&self) -> Self {
        let Self { rows, subscriptions, host, longest_wait } = self;
        Self {
            rows: rows.clone(),
            subscriptions: Arc::clone(subscriptions),
            host: host.clone(),
            longest_wait: *longest_wait,
        }
    }
}

impl<R: Row<Key: Key>> FromRef<Live<R>> for Repository<R> {
    fn from_ref(live: &Live<R>) -> Self {
        live.rows.clone()
    }
}

impl<R: Row<Key: Key>> Live<R> {
    /// The rows of `rows`, within these limits.
    pub fn new(rows: Repository<R>, host: &Host, limits: &LiveLimits) -> Self {
        let subscriptions = Arc::new(Subscriptions::new(limits.live_streams, limits.live_waiting));
        Self { rows, subscriptions, host: host.clone(), longest_wait: limits.live_wait }
    }

    /// The subscriptions, to be notified of changes.
    pub const fn subscriptions(&self) -> &Arc<Subscriptions<R::Key>> {
        &self.subscriptions
    }

    /// The state of a key in this scope, for which the request waits if it prefers to. Returns the longest wait that
    /// was applied, too. Without a free place among the waiting requests, it does not wait.
    pub(crate) async fn find_or_wait(
        &self,
        key: &R::Key,
        scope: &Scope,
        preferred: Option<Duration>,
    ) -> Result<(Option<Duration>, Option<R::State>), sqlx::Error> {
        let wait =
            preferred.and_then(|wait| Some((wait.min(self.longest_wait), self.subscriptions.wait(key.clone())?)));
        let found = match &wait {
            Some((limit, subscription)) => self.wait(key, scope, subscription, *limit).await?,
            None => self.rows.find(key, scope).await?,
        };
        Ok((wait.map(|(limit, _)| limit), found))
    }

    /// The state of a key as soon as it is in this scope. `None` if that takes longer than `limit`, or if the process
    /// ends first.
    ///
    /// A row outside the scope takes exactly as long as one that does not exist.
    async fn wait(
        &self,
        key: &R::Key,
        scope: &Scope,
        subscription: &Subscription<R::Key>,
        limit: Duration,
    ) -> Result<Option<R::State>, sqlx::Error> {
        let (deadline, draining) = (Instant::now() + limit, self.host.draining());
        loop {
            // Before the row is read, so that a change in between is not lost.
            let change = subscription.next();
            let found = self.rows.find(key, scope).await?;
            if found.is_some() || Instant::now() >= deadline || draining.is_cancelled() {
                return Ok(found);
            }
            tokio::select! {
                () = change => {}
                () = sleep_until(deadline.min(Instant::now() + POLL_INTERVAL)) => {}
                () = draining.cancelled() => {}
            }
        }
    }
}
