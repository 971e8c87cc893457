//! `flotilla rebuild`: has a view rebuilt from the topics, and shows how far it is.

use std::time::Duration;

use clap::Args;
use messaging::ConsumerStatus;
use tokio::time::{Instant, sleep};

use crate::running::{AskError, Running, RunningArgs, RunningError};
use crate::screen::Screen;

/// How often the context is asked how far it is.
const POLL: Duration = Duration::from_millis(250);
/// How often that is shown.
const SHOW: Duration = Duration::from_secs(1);

/// What `flotilla rebuild` can be told.
#[derive(Debug, Clone, Args)]
pub struct RebuildArgs {
    /// The fleet.
    #[command(flatten)]
    pub running: RunningArgs,
    /// The context whose view is rebuilt
    pub context: String,
    /// How long it may take; it goes on afterwards
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration)]
    pub within: Duration,
}

/// Why a view was not rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// It is not known how to reach the fleet.
    #[error(transparent)]
    Running(#[from] RunningError),
    /// The context refuses, or is not there.
    #[error("{context} is not rebuilt: {source}")]
    Refused {
        /// Which.
        context: String,
        /// Why.
        source: AskError,
    },
    /// It takes longer than it may.
    #[error("{context} is not rebuilt within {} and goes on: {far}", humantime::format_duration(*within))]
    Late {
        /// Which.
        context: String,
        /// How long it had.
        within: Duration,
        /// How far it is.
        far: String,
    },
}

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Progress {
    total: i64,
    done: i64,
}

impl Progress {
    /// What is known after one more look; nothing if the new generation has not begun.
    fn after(self, consumer: &ConsumerStatus, generation: &str) -> Option<Self> {
        let ours = consumer.group.rsplit('.').next() == Some(generation);
        let total = self.total.max(consumer.lag);
        ours.then_some(Self { total, done: total - consumer.lag })
    }

    const fn complete(self) -> bool {
        self.done == self.total
    }

    fn text(self, elapsed: Duration) -> String {
        let percent = if self.total == 0 { 100 } else { self.done.saturating_mul(100) / self.total };
        let rate = self.done.saturating_mul(1000) / i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX).max(1);
        format!("{percent:>3} %  {} of {} events  {rate}/s", self.done, self.total)
    }
}

/// Has the view rebuilt and returns when it has caught up.
pub async fn rebuild(args: &RebuildArgs, screen: &Screen) -> Result<(), RebuildError> {
    let running = args.running.find()?;
    running.contexts(std::slice::from_ref(&args.context))?;
    let refused = |source| RebuildError::Refused { context: args.context.clone(), source };
    let generation = running.rebuild(&args.context).await.map_err(refused)?;
    screen.line(format_args!("{} is emptied; it reads the topics from their beginning", args.context));
    let begin = Instant::now();
    let (mut progress, mut shown) = (None, begin);
    while begin.elapsed() < args.within {
        progress = look(&running, &args.context, &generation, progress.unwrap_or_default()).await.or(progress);
        if let Some(complete) = progress.filter(|progress| progress.complete()) {
            let after = humantime::format_duration(Duration::from_millis(millis(begin.elapsed())));
            screen.line(format_args!("{}  rebuilt in {after}", complete.text(begin.elapsed())));
            return Ok(());
        }
        if shown.elapsed() >= SHOW {
            screen.line(far(progress, begin.elapsed()));
            shown = Instant::now();
        }
        sleep(POLL).await;
    }
    let far = far(progress, begin.elapsed());
    Err(RebuildError::Late { context: args.context.clone(), within: args.within, far })
}

async fn look(running: &Running, context: &str, generation: &str, before: Progress) -> Option<Progress> {
    // It may be restarted in between: only the deadline ends this.
    let consumer = running.messaging(context).await.ok()?.consumer?;
    before.after(&consumer, generation)
}

fn far(progress: Option<Progress>, elapsed: Duration) -> String {
    progress.map_or_else(|| "it has not begun".to_owned(), |progress| progress.text(elapsed))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumer(generation: &str, lag: i64) -> ConsumerStatus {
        ConsumerStatus { group: format!("harbour.crane.{generation}"), lag, partitions: 6 }
    }

    #[test]
    fn the_old_generation_says_nothing_about_the_new_one() {
        assert_eq!(Progress::default().after(&consumer("old", 0), "new"), None);
        assert_eq!(Progress::default().after(&consumer("new", 5), "ew"), None);
    }

    #[test]
    fn progress_is_what_the_lag_has_shrunk_by_and_new_events_make_it_longer() {
        let first = Progress::default().after(&consumer("g", 200), "g").unwrap();
        assert_eq!((first, first.complete()), (Progress { total: 200, done: 0 }, false));
        let later = first.after(&consumer("g", 50), "g").unwrap();
        assert_eq!(later.text(Duration::from_secs(2)), " 75 %  150 of 200 events  75/s");
        let flooded = later.after(&consumer("g", 300), "g").unwrap();
        assert_eq!(flooded, Progress { total: 300, done: 0 });
        assert!(flooded.after(&consumer("g", 0), "g").unwrap().complete());
    }

    #[test]
    fn a_view_of_no_events_is_complete_at_once() {
        let empty = Progress::default().after(&consumer("g", 0), "g").unwrap();
        assert!(empty.complete());
        assert_eq!(empty.text(Duration::ZERO), "100 %  0 of 0 events  0/s");
    }
}
