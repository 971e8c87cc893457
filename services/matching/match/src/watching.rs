//! Matches that clients watch: each is polled, and the number of clients is bounded.

use std::sync::Arc;
use std::time::Duration;

use chassis::Scope;
use chassis::problem::Problem;
use clap::Args;
use context::saga::Requests;
use context::store_problem;
use futures_util::{Stream, StreamExt, stream};
use match_contract::Step;
use match_domain::{Established, Match, MatchId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::saga::RequestSaga;

/// When a client may retry after it was rejected because of the number of watchers.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// When a client may retry at another replica.
const RETRY_ELSEWHERE_AFTER: Duration = Duration::from_secs(1);

/// The state of a watched match is sent again after this time, before the gateway ends a silent stream.
const REPEAT_AFTER: Duration = Duration::from_secs(30);

/// The settings of watched matches.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct WatchSettings {
    /// The interval at which a watched match is read: 50ms to 1m
    #[arg(long, env = "WATCH_EVERY", default_value = "1s", value_parser = watch_every)]
    pub watch_every: Duration,

    /// The maximum number of clients that watch matches at a time
    #[arg(long, env = "WATCHERS", default_value = "1024")]
    pub watchers: u32,
}

fn watch_every(text: &str) -> Result<Duration, String> {
    let every = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let allowed = Duration::from_millis(50)..=Duration::from_mins(1);
    allowed.contains(&every).then_some(every).ok_or_else(|| "must be from 50ms to 1m".to_owned())
}

/// How matches are watched.
#[derive(Debug, Clone)]
pub struct Watching {
    interval: Duration,
    repeat_after: Duration,
    permits: Arc<Semaphore>,
}

impl Watching {
    /// As in the settings.
    pub fn of(settings: &WatchSettings) -> Self {
        Self::new(settings.watch_every, REPEAT_AFTER, settings.watchers)
    }

    /// Matches are polled at `interval`. A state that has not changed is sent again after `repeat_after`.
    pub fn new(interval: Duration, repeat_after: Duration, watchers: u32) -> Self {
        let watchers = usize::try_from(watchers).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { interval, repeat_after, permits: Arc::new(Semaphore::new(watchers)) }
    }

    /// The state of the match now, and then each change.
    pub async fn begin(
        &self,
        requests: Requests<RequestSaga>,
        id: MatchId,
        scope: Scope,
        draining: CancellationToken,
    ) -> Result<impl Stream<Item = Result<Established, Problem>> + Send + use<>, Problem> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| full())?;
        let watching = self.clone();
        let mut watch = Watch { requests, id, scope, draining, watching, sent: None, _permit: permit };
        let first = watch.next().await?;
        let rest =
            stream::try_unfold(watch, |mut watch| async move { Ok(watch.next().await?.map(|now| (now, watch))) });
        Ok(stream::iter(first.map(Ok)).chain(rest))
    }
}

/// There is no such match in the scope of the caller.
pub(crate) fn unknown(id: i64) -> Problem {
    Problem::not_found(format!("there is no match {id}"))
}

fn full() -> Problem {
    Problem::unavailable("there are as many watchers as there may be", RETRY_AFTER).in_grpc(Code::ResourceExhausted)
}

fn ends() -> Problem {
    Problem::unavailable("the server ends: watch again", RETRY_ELSEWHERE_AFTER)
}

/// One client that watches one match.
struct Watch {
    requests: Requests<RequestSaga>,
    id: MatchId,
    scope: Scope,
    draining: CancellationToken,
    watching: Watching,
    /// The state that was sent last, and when.
    sent: Option<(Established, Instant)>,
    _permit: OwnedSemaphorePermit,
}

impl Watch {
    /// The next state to send. `None` after the last step.
    async fn next(&mut self) -> Result<Option<Established>, Problem> {
        while !self.has_ended() {
            let found = self.requests.rows().find(&self.id.get(), &self.scope).await.map_err(store_problem)?;
            // A later attempt may belong to another student: then it is unknown.
            let found = found.as_ref().and_then(Match::established).ok_or_else(|| unknown(self.id.get()))?;
            // Checked after the read: a change just before the end is sent too.
            if self.is_over(found) {
                break;
            }
            if self.is_due(found) {
                self.sent = Some((found.clone(), Instant::now()));
                return Ok(Some(found.clone()));
            }
            tokio::select! {
                () = sleep(self.watching.interval) => {}
                () = self.draining.cancelled() => return Err(ends()),
            }
        }
        Ok(None)
    }

    /// Whether the last possible step was sent.
    fn has_ended(&self) -> bool {
        self.sent.as_ref().is_some_and(|(sent, _)| sent.step == Step::VisitCanceled)
    }

    /// Whether a match that is paid back has not changed for so long that this is taken for its last step. Whether a visit
    /// will be cancelled after the payment is not known here.
    fn is_over(&self, found: &Established) -> bool {
        self.sent.as_ref().is_some_and(|(sent, at)| {
            sent == found && sent.step == Step::PaymentCanceled && at.elapsed() >= self.watching.repeat_after
        })
    }

    /// Whether the state is to be sent: it has changed, or was sent long ago.
    fn is_due(&self, found: &Established) -> bool {
        self.sent.as_ref().is_none_or(|(sent, at)| sent != found || at.elapsed() >= self.watching.repeat_after)
    }
}
