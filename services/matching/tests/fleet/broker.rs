//! What the fleet expects of a broker, whichever it is.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use matching_tests::{Forger, PRICE, SOON};
use payment_contract::{PaymentApproved, PaymentEvent};
use testkit::{Fleet, eventually};

/// How long the broker may take to say that nothing came.
const WAIT: Duration = Duration::from_mins(1);

/// How soon it must say that something came. Far less, and far more than it takes.
const TOLD: Duration = Duration::from_secs(20);

pub async fn who_waits_for_events_is_told_when_one_comes_and_not_when_the_wait_is_over(
    fleet: &mut Fleet,
) -> Result<()> {
    fleet.start_all().await?;
    let (topics, forger) = (fleet.topics(), Forger::default());
    // A topic that has just been made has no leader for a moment.
    let listener = eventually(SOON, "the topic is there", async || topics.listen("payment", WAIT).await).await?;
    ensure!(listener.next(Duration::from_secs(2)).await?.is_none(), "something came that nobody said");
    for match_id in [1, 2] {
        let event = PaymentEvent::PaymentApproved(PaymentApproved { match_id, attempt: 1, price: PRICE });
        topics.say("payment", &[forger.event(&event)?]).await?;
        let key = listener.next(TOLD).await?.with_context(|| format!("{match_id} did not come within {TOLD:?}"))?;
        assert_eq!(key, match_id.to_string().as_bytes());
    }
    // Its end blocks.
    Ok(tokio::task::spawn_blocking(move || drop(listener)).await?)
}
