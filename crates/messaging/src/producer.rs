use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use tokio::sync::oneshot;

use crate::Config;
use crate::admission::Admission;
use crate::kafka::client;

/// How soon the thread of a producer ends after the producer was dropped. Deliveries wake it at once. Why it is not the
/// library's thread: docs/decisions/0011-our-own-producer-thread.md.
const LOOK: Duration = Duration::from_secs(2);

/// An idempotent producer that waits for all in-sync copies. Clones are the same producer.
#[derive(Clone)]
pub(crate) struct Producer(Arc<BaseProducer<Deliveries>>);

/// Where a record went: partition and offset.
pub(crate) type Delivered = (i32, i64);

/// What will be known of a record that was handed over.
pub(crate) type Delivery = oneshot::Receiver<Result<Delivered, KafkaError>>;

/// Tells who waits for it what became of a record.
struct Deliveries(Admission);

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        // That all are down is said after each reason, again and again.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            tracing::error!(target: "librdkafka", %error, "{reason}");
        }
        self.0.note(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<oneshot::Sender<Result<Delivered, KafkaError>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, waiting: Self::DeliveryOpaque) {
        let told = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.clone()),
        };
        // Nobody waits any more: the wave it belonged to was given up.
        let _ = waiting.send(told);
    }
}

impl Producer {
    pub(crate) fn new(config: &Config, admission: &Admission) -> Result<Self, KafkaError> {
        let producer: BaseProducer<Deliveries> = client(config)?
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // The relay gathers already.
            .set("linger.ms", "0")
            // Never give up: an event that timed out here might still arrive, and a later one of its key before it.
            .set("message.timeout.ms", "0")
            .set("compression.type", "none")
            .create_with_context(Deliveries(admission.clone()))?;
        let producer = Arc::new(producer);
        let polled = Arc::clone(&producer);
        // It outlives all handles, so that none of them blocks when it is dropped.
        let poll = move || {
            while Arc::strong_count(&polled) > 1 {
                polled.poll(LOOK);
            }
        };
        thread::Builder::new()
            .name("producer".to_owned())
            .spawn(poll)
            .map_err(|error| KafkaError::ClientCreation(format!("no thread for the producer: {error}")))?;
        Ok(Self(producer))
    }

    /// Hands a record over; what becomes of it is told later. An error when there is no room for it.
    pub(crate) fn send<'a>(
        &self,
        topic: &str,
        key: &[u8],
        payload: &[u8],
        headers: impl ExactSizeIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Delivery, KafkaError> {
        let room = OwnedHeaders::new_with_capacity(headers.len());
        let headers = headers.fold(room, |all, (key, value)| all.insert(Header { key, value: Some(value) }));
        let (tell, delivery) = oneshot::channel();
        let record = BaseRecord::with_opaque_to(topic, Box::new(tell)).key(key).payload(payload).headers(headers);
        self.0.send(record).map_err(|(error, _)| error)?;
        Ok(delivery)
    }

    /// Whether it will never deliver anything again.
    pub(crate) fn is_broken(&self) -> bool {
        self.0.client().fatal_error().is_some()
    }
}
