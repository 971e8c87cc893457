//! Topics full of events that a consumer has missed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Ids};
use anyhow::{Result, ensure};
use events::{Envelope, TraceContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use tokio::task::spawn_blocking;

use crate::broker;
use crate::declaration::{PublishedEvent, with_id};
use crate::environment::Environment;

/// Time limit for the broker to store all events.
const FLUSH_TIMEOUT: Duration = Duration::from_mins(1);

/// Publishes the events of the cases 1, 2, … in this order, and returns their topics.
pub async fn publish(
    environment: &Environment,
    fleet: &str,
    events: &[PublishedEvent],
    cases: i64,
) -> Result<Vec<String>> {
    let topics: BTreeSet<String> = events.iter().map(|event| format!("{fleet}.{}", event.from)).collect();
    for topic in &topics {
        broker::create_topic(&environment.kafka, topic).await?;
    }
    let publisher = Publisher {
        producer: broker::client(&environment.kafka).set("linger.ms", "5").create()?,
        fleet: fleet.to_owned(),
        clock: Arc::clone(&environment.clock),
        ids: Arc::clone(&environment.ids),
    };
    let events = events.to_vec();
    spawn_blocking(move || {
        for id in 1..=cases {
            events.iter().try_for_each(|event| publisher.publish(event, id))?;
        }
        anyhow::Ok(publisher.producer.flush(FLUSH_TIMEOUT)?)
    })
    .await??;
    Ok(topics.into_iter().collect())
}

/// Publishes events as the relays do.
struct Publisher {
    producer: ThreadedProducer<DefaultProducerContext>,
    fleet: String,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
}

impl Publisher {
    fn publish(&self, PublishedEvent { from, kind, data }: &PublishedEvent, id: i64) -> Result<()> {
        let envelope = Envelope {
            id: self.ids.uuid().to_string(),
            source: format!("/{}/{from}", self.fleet),
            kind: kind.clone(),
            subject: id.to_string(),
            time: self.clock.now(),
            trace: Some(TraceContext::new(&self.ids)),
            data: with_id(data, id),
        };
        let headers = envelope
            .headers()
            .iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(value.as_bytes()) }));
        let topic = format!("{}.{from}", self.fleet);
        let mut record = BaseRecord::to(&topic).key(&envelope.subject).payload(&envelope.data).headers(headers);
        while let Err((error, unsent)) = self.producer.send(record) {
            ensure!(error == KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), error);
            // The thread of the producer empties the queue meanwhile.
            self.producer.poll(Duration::from_millis(10));
            record = unsent;
        }
        Ok(())
    }
}
