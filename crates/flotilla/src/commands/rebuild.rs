//! `flotilla rebuild`: rebuilds a view from the topics and shows the progress.

use std::time::Duration;

use clap::Args;
use messaging::ConsumerStatus;
use tokio::time::{Instant, sleep};

use crate::commands::fleet_client::{FleetClient, FleetClientArgs, FleetClientError, RequestError};
use crate::output::screen::Screen;

/// Interval between two requests for the progress.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Interval between two lines of output.
const OUTPUT_INTERVAL: Duration = Duration::from_secs(1);

/// Arguments of `flotilla rebuild`.
#[derive(Debug, Clone, Args)]
pub struct RebuildArgs {
    /// The fleet.
    #[command(flatten)]
    pub client: FleetClientArgs,
    /// Context of the view
    pub context: String,
    /// Time limit for this command; the rebuild continues after it
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration)]
    pub within: Duration,
}

/// Why a view was not rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The connection settings of the fleet cannot be used.
    #[error(transparent)]
    FleetClient(#[from] FleetClientError),
    /// The context rejects the rebuild or is unavailable.
    #[error("{context} is not rebuilt: {source}")]
    Refused {
        /// The name of the context.
        context: String,
        /// The error of the request.
        source: RequestError,
    },
    /// The rebuild has not finished within the time limit.
    #[error("{context} is not rebuilt within {} and goes on: {far}", humantime::format_duration(*within))]
    Late {
        /// The name of the context.
        context: String,
        /// The time limit.
        within: Duration,
        /// The progress.
        far: String,
    },
}

/// The progress of a rebuild, in events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Progress {
    total: i64,
    done: i64,
}

impl Progress {
    /// The progress after another status. `None` if the status is of another generation.
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

/// Rebuilds the view. Returns when it has caught up with the topics.
pub async fn rebuild(args: &RebuildArgs, screen: &Screen) -> Result<(), RebuildError> {
    let client = args.client.client()?;
    client.contexts(std::slice::from_ref(&args.context))?;
    let refused = |source| RebuildError::Refused { context: args.context.clone(), source };
    let generation = client.rebuild(&args.context).await.map_err(refused)?;
    screen.line(format_args!("{} is reset; it consumes the topics from the beginning", args.context));
    let began = Instant::now();
    let (mut progress, mut shown) = (None, began);
    while began.elapsed() < args.within {
        progress = poll(&client, &args.context, &generation, progress.unwrap_or_default()).await.or(progress);
        if let Some(complete) = progress.filter(|progress| progress.complete()) {
            let after = humantime::format_duration(Duration::from_millis(millis(began.elapsed())));
            screen.line(format_args!("{}  rebuilt in {after}", complete.text(began.elapsed())));
            return Ok(());
        }
        if shown.elapsed() >= OUTPUT_INTERVAL {
            screen.line(describe(progress, began.elapsed()));
            shown = Instant::now();
        }
        sleep(POLL_INTERVAL).await;
    }
    let far = describe(progress, began.elapsed());
    Err(RebuildError::Late { context: args.context.clone(), within: args.within, far })
}

async fn poll(client: &FleetClient, context: &str, generation: &str, before: Progress) -> Option<Progress> {
    // Errors are ignored, because the context may restart: only the deadline ends the command.
    let consumer = client.messaging(context).await.ok()?.consumer?;
    before.after(&consumer, generation)
}

fn describe(progress: Option<Progress>, elapsed: Duration) -> String {
    progress.map_or_else(|| "not started".to_owned(), |progress| progress.text(elapsed))
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
    fn the_lag_of_another_generation_is_ignored() {
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
