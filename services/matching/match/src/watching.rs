//! Matches that somebody watches: looked at every so often, by a bounded number of clients.

use std::sync::Arc;
use std::time::Duration;

use chassis::Scope;
use chassis::problem::Problem;
use futures_util::{Stream, StreamExt, stream};
use match_contract::Step;
use match_domain::{Established, MatchId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::app::App;
use crate::asking::unknown;

/// When a client may come back if there are as many watchers as there may be.
const COME_BACK: Duration = Duration::from_secs(5);

/// When a client may come back if the server ends: there are others.
const COME_BACK_ELSEWHERE: Duration = Duration::from_secs(1);

/// How matches are watched.
#[derive(Debug, Clone)]
pub struct Watching {
    every: Duration,
    again_after: Duration,
    seats: Arc<Semaphore>,
}

impl Watching {
    /// A match is looked at `every` so often, and told though it has not changed `again_after` so long; by so many clients.
    pub fn new(every: Duration, again_after: Duration, watchers: u32) -> Self {
        let watchers = usize::try_from(watchers).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { every, again_after, seats: Arc::new(Semaphore::new(watchers)) }
    }

    /// The match as it is now, and then whenever it has changed.
    pub async fn begin(
        &self,
        app: Arc<App>,
        id: MatchId,
        scope: Scope,
        draining: CancellationToken,
    ) -> Result<impl Stream<Item = Result<Established, Problem>> + Send + use<>, Problem> {
        let seat = Arc::clone(&self.seats).try_acquire_owned().map_err(|_| full())?;
        let watching = self.clone();
        let mut watch = Watch { app, id, scope, draining, watching, told: None, _seat: seat };
        let first = watch.next().await?;
        let rest =
            stream::try_unfold(watch, |mut watch| async move { Ok(watch.next().await?.map(|now| (now, watch))) });
        Ok(stream::iter(first.map(Ok)).chain(rest))
    }
}

fn full() -> Problem {
    Problem::unavailable("there are as many watchers as there may be", COME_BACK).in_grpc(Code::ResourceExhausted)
}

fn ends() -> Problem {
    Problem::unavailable("the server ends: watch again", COME_BACK_ELSEWHERE)
}

/// One client that watches one match.
struct Watch {
    app: Arc<App>,
    id: MatchId,
    scope: Scope,
    draining: CancellationToken,
    watching: Watching,
    /// What it was told last, and when.
    told: Option<(Established, Instant)>,
    _seat: OwnedSemaphorePermit,
}

impl Watch {
    /// What is to be told next; `None` after the last step.
    async fn next(&mut self) -> Result<Option<Established>, Problem> {
        while !self.is_over() {
            let found = self.app.find(self.id, &self.scope).await.map_err(store::problem)?;
            // One that has left the scope, as a later attempt is somebody else's, is unknown from then on.
            let found = found.ok_or_else(|| unknown(self.id.get()))?;
            if self.is_news(&found) {
                self.told = Some((found.clone(), Instant::now()));
                return Ok(Some(found));
            }
            tokio::select! {
                () = sleep(self.watching.every) => {}
                () = self.draining.cancelled() => return Err(ends()),
            }
        }
        Ok(None)
    }

    /// Whether nothing can follow. Whether a visit is to be cancelled after the payment is not known here: it is waited for.
    fn is_over(&self) -> bool {
        self.told.as_ref().is_some_and(|(told, at)| match told.step {
            Step::VisitCanceled => true,
            Step::PaymentCanceled => at.elapsed() >= self.watching.again_after,
            _ => false,
        })
    }

    fn is_news(&self, found: &Established) -> bool {
        self.told.as_ref().is_none_or(|(told, at)| told != found || at.elapsed() >= self.watching.again_after)
    }
}
