//! What the fleet expects of a broker, whichever it is.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use matching_tests::{PRICE, People, SOON};
use payment_contract::{PaymentApproved, PaymentEvent};
use testkit::{Fleet, Forger, Parts, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

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

/// Whether the broker closes a connection over which these bytes come.
async fn is_cut_off(address: &str, bytes: &[u8]) -> Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(bytes).await?;
    let mut answer = [0; 1];
    // A reset is an end too.
    Ok(timeout(TOLD, stream.read(&mut answer)).await?.map_or(true, |read| read == 0))
}

pub async fn a_frame_that_is_too_long_or_shorter_than_nothing_ends_its_connection_alone(
    fleet: &mut Fleet,
) -> Result<()> {
    if *fleet.parts() != Parts::Embedded {
        // Kafka has limits of its own.
        return Ok(());
    }
    fleet.start_all().await?;
    let address = fleet.broker().kafka_brokers;
    for length in [-1, i32::MIN, i32::MAX, 16 * 1024 * 1024 + 1] {
        let cut_off = is_cut_off(&address, &length.to_be_bytes()).await?;
        assert!(cut_off, "{length}");
    }
    // Announced is not sent: these hold what they have sent, and the fleet works beside them.
    let mut silent = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(&address).await?;
        stream.write_all(&(16_i32 * 1024 * 1024).to_be_bytes()).await?;
        stream.write_all(&[0; 1024]).await?;
        silent.push(stream);
    }
    let (people, topics) = (People::of(fleet)?, fleet.topics());
    people.request(1).await?.must_be(201)?;
    eventually(SOON, "its event is published", async || {
        ensure!(topics.events("match").await?.len() == 1, "not yet");
        Ok(())
    })
    .await
}
