use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::stream::{self, StreamExt};
use tokio::time::{Instant, sleep};

/// The pause between two looks.
const POLL: Duration = Duration::from_millis(25);

/// Looks again and again until `look` succeeds. After `limit` its last failure is the error: say in it what was seen.
pub async fn eventually<T>(limit: Duration, what: &str, mut look: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        match look().await {
            Ok(found) => return Ok(found),
            Err(seen) if Instant::now() >= deadline => {
                return Err(seen).with_context(|| format!("not within {limit:?}: {what}"));
            }
            Err(_) => sleep(POLL).await,
        }
    }
}

/// Does `work` for each item, `at_once` of them at the same time. The outcomes are in the order of their ends.
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
    async fn a_look_that_succeeds_late_succeeds_and_one_that_never_does_tells_what_was_seen() {
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
