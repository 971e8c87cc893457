use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::admission::Admission;
use super::client::client;
use crate::{Config, Record, RecordPosition};

/// How long a single record may take to be delivered.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest time until the polling thread ends after its producer was dropped. Delivery reports wake it at once. Why it is
/// not the library's thread: docs/decisions/0011-our-own-producer-thread.md.
const POLL_TIMEOUT: Duration = Duration::from_secs(2);

/// An idempotent producer that waits for all in-sync replicas. Clones share one producer.
#[derive(Clone)]
pub(crate) struct Producer(Arc<BaseProducer<DeliveryReports>>);

/// Partition and offset of a delivered record.
type Delivered = (i32, i64);

/// Resolves to the delivery report of a record.
pub(crate) type Delivery = oneshot::Receiver<Result<Delivered, KafkaError>>;

/// Passes delivery reports to the tasks that wait for them.
struct DeliveryReports(Admission);

impl ClientContext for DeliveryReports {
    fn error(&self, error: KafkaError, reason: &str) {
        // This one follows each of the others.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            tracing::error!(target: "librdkafka", %error, "{reason}");
        }
        self.0.record_error(&error, reason);
    }
}

impl ProducerContext for DeliveryReports {
    type DeliveryOpaque = Box<oneshot::Sender<Result<Delivered, KafkaError>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, waiting: Self::DeliveryOpaque) {
        let report = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.clone()),
        };
        // The receiver is gone if its batch was cancelled.
        let _ = waiting.send(report);
    }
}

impl Producer {
    pub(crate) fn new(config: &Config, admission: &Admission) -> Result<Self, KafkaError> {
        let producer: BaseProducer<DeliveryReports> = client(config)?
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // The relay has a linger of its own.
            .set("linger.ms", "0")
            // No timeout: an event that timed out here might still arrive, after a later one of its key.
            .set("message.timeout.ms", "0")
            .set("compression.type", "none")
            // A batch may be as large as a message.
            .set("message.max.bytes", config.kafka_message_bytes.to_string())
            .set("batch.size", config.kafka_message_bytes.to_string())
            .create_with_context(DeliveryReports(admission.clone()))?;
        let producer = Arc::new(producer);
        let polled = Arc::clone(&producer);
        // The thread drops the producer last: that drop blocks.
        let poll = move || {
            while Arc::strong_count(&polled) > 1 {
                polled.poll(POLL_TIMEOUT);
            }
        };
        thread::Builder::new()
            .name("producer".to_owned())
            .spawn(poll)
            .map_err(|error| KafkaError::ClientCreation(format!("no thread for the producer: {error}")))?;
        Ok(Self(producer))
    }

    /// Enqueues a record. Fails when the queue is full; later errors are in the delivery report.
    pub(crate) fn send<'a>(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        payload: Option<&[u8]>,
        headers: impl ExactSizeIterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) -> Result<Delivery, KafkaError> {
        let none = OwnedHeaders::new_with_capacity(headers.len());
        let headers = headers.fold(none, |all, (key, value)| all.insert(Header { key, value }));
        let (report, delivery) = oneshot::channel();
        let mut record = BaseRecord::with_opaque_to(topic, Box::new(report)).headers(headers);
        (record.key, record.payload) = (key, payload);
        self.0.send(record).map_err(|(error, _)| error)?;
        Ok(delivery)
    }

    /// Whether it has an error from which it does not recover.
    pub(crate) fn has_fatal_error(&self) -> bool {
        self.0.client().fatal_error().is_some()
    }
}

/// Sends one record unchanged, with a producer of its own. Returns its new position.
pub(crate) async fn send_once(config: &Config, topic: &str, record: &Record) -> Result<RecordPosition, KafkaError> {
    let producer = Producer::new(config, &Admission::default())?;
    let headers = record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
    let delivery = producer.send(topic, record.key.as_deref(), record.payload.as_deref(), headers)?;
    let report = timeout(SEND_TIMEOUT, delivery)
        .await
        .map_err(|_| KafkaError::MessageProduction(RDKafkaErrorCode::OperationTimedOut))?;
    let (partition, offset) = report.map_err(|_| KafkaError::Canceled)??;
    Ok(RecordPosition { topic: topic.to_owned(), partition, offset })
}
