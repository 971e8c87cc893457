//! Polling with a deadline, and bounded concurrency.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::stream::{self, StreamExt};
use tokio::time::{Instant, sleep};

/// Interval between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// The limit for what should take a moment. Generous, as the machine may be building something else.
pub const SOON: Duration = Duration::from_secs(30);

/// The limit for what waits until a broker assigns the partitions of a dead consumer to another one.
pub const LATER: Duration = Duration::from_secs(90);

/// Polls until `poll` succeeds. After `limit` the last failure is the error, so it should contain the observed state.
pub async fn eventually<T>(limit: Duration, what: &str, mut poll: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        match poll().await {
            Ok(found) => return Ok(found),
            Err(error) if Instant::now() >= deadline => {
                return Err(error).with_context(|| format!("not within {limit:?}: {what}"));
            }
            Err(_) => sleep(POLL_INTERVAL).await,
        }
    }
}

/// Runs `work` for each item, `at_once` of them concurrently. The results are in the order of completion.
pub async fn each<I, F: Future>(
    items: impl IntoIterator<Item = I>,
    at_once: usize,
    work: impl FnMut(I) -> F,
) -> Vec<F::Output> {
    stream::iter(items).map(work).buffer_unordered(at_once).collect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_late_success_is_a_success_and_a_timeout_has_the_last_failure() {
        let mut looks = 0;
        let look = async || {
            looks += 1;
            anyhow::ensure!(looks >= 10, "{looks} of 10");
            Ok(looks)
        };
        assert_eq!(eventually(Duration::from_secs(1), "ten looks", look).await.unwrap(), 10);
        let never = async || -> Result<()> { anyhow::bail!("3 of 7") };
        let error = eventually(Duration::from_secs(1), "seven", never).await.unwrap_err();
        assert_eq!(format!("{error:#}"), "not within 1s: seven: 3 of 7");
    }
}
