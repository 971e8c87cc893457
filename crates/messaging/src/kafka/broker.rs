use async_trait::async_trait;
use futures_util::future::join_all;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::Mutex;

use super::consumer_group::{CurrentConsumer, KafkaGroupMember};
use super::producer::Producer;
use super::topics::Topics;
use crate::{Broker, GroupMember, JoinError, PublishBatch, PublishError, Publisher};

/// Kafka as the broker: one producer, and one consumer per joined group.
pub(crate) struct KafkaBroker {
    topics: Topics,
    current: CurrentConsumer,
    /// Replaced after a fatal error, from which librdkafka does not recover.
    producer: Mutex<Producer>,
}

impl KafkaBroker {
    /// `current` is set to the consumer of the group that was joined last.
    pub(crate) fn new(topics: Topics, current: CurrentConsumer) -> Result<Self, KafkaError> {
        let producer = Mutex::new(Producer::new(&topics.config, &topics.admission)?);
        Ok(Self { topics, current, producer })
    }

    async fn replace_if_fatal(&self) {
        let mut producer = self.producer.lock().await;
        if !producer.has_fatal_error() {
            return;
        }
        match Producer::new(&self.topics.config, &self.topics.admission) {
            Ok(fresh) => *producer = fresh,
            Err(error) => tracing::error!(%error, "the broken producer was not replaced"),
        }
    }
}

#[async_trait]
impl Publisher for KafkaBroker {
    async fn publish(&self, batch: PublishBatch) -> Vec<Result<(), PublishError>> {
        if let Err(error) = self.topics.ensure().await {
            let error = PublishError::Transient(error.to_string());
            return vec![Err(error); batch.events.len()];
        }
        let producer = self.producer.lock().await.clone();
        let sent = batch.events.iter().map(|(topic, envelope)| {
            let headers = envelope.headers();
            let headers = headers.iter().map(|(name, value)| (*name, Some(value.as_bytes())));
            producer.send(topic, Some(envelope.subject.as_bytes()), Some(envelope.data.as_bytes()), headers)
        });
        // Collected, so that all are in flight before the first is awaited.
        let sent: Vec<_> = sent.collect();
        let outcomes = join_all(sent.into_iter().map(async |delivery| match delivery {
            Ok(delivery) => match delivery.await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(publish_error(&error)),
                Err(_) => Err(PublishError::Transient("the producer was closed".to_owned())),
            },
            Err(error) => Err(publish_error(&error)),
        }))
        .await;
        if outcomes.iter().any(Result::is_err) {
            self.replace_if_fatal().await;
        }
        outcomes
    }
}

#[async_trait]
impl Broker for KafkaBroker {
    async fn join(&self, group: &str, topics: &[String]) -> Result<Box<dyn GroupMember>, JoinError> {
        self.topics.ensure().await.map_err(|error| JoinError(error.to_string()))?;
        let member = KafkaGroupMember::join(&self.topics.config, group, topics, &self.current);
        Ok(Box::new(member.map_err(|error| JoinError(error.to_string()))?))
    }
}

/// Errors about the record are permanent; errors about the client (a password, a broken producer) or the broker are
/// transient.
fn publish_error(error: &KafkaError) -> PublishError {
    use RDKafkaErrorCode::{
        ClusterAuthorizationFailed, InvalidMessage, InvalidMessageSize, InvalidRecord, InvalidTimestamp,
        MessageBatchTooLarge, MessageSizeTooLarge, TopicAuthorizationFailed,
    };
    let reason = error.to_string();
    match error.rdkafka_error_code() {
        Some(
            MessageSizeTooLarge
            | MessageBatchTooLarge
            | InvalidMessage
            | InvalidMessageSize
            | InvalidRecord
            | InvalidTimestamp
            | TopicAuthorizationFailed
            | ClusterAuthorizationFailed,
        ) => PublishError::Permanent(reason),
        _ => PublishError::Transient(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_about_the_record_are_permanent_and_those_about_the_client_or_the_broker_are_transient() {
        use RDKafkaErrorCode::{
            BrokerTransportFailure, ClusterAuthorizationFailed, Fatal, InvalidMessage, InvalidRecord,
            MessageSizeTooLarge, NotEnoughReplicas, QueueFull, SaslAuthenticationFailed, TopicAuthorizationFailed,
        };
        let is_transient = |code| publish_error(&KafkaError::MessageProduction(code)).is_transient();
        for code in
            [MessageSizeTooLarge, InvalidMessage, InvalidRecord, TopicAuthorizationFailed, ClusterAuthorizationFailed]
        {
            assert!(!is_transient(code), "{code}");
        }
        for code in [BrokerTransportFailure, Fatal, NotEnoughReplicas, QueueFull, SaslAuthenticationFailed] {
            assert!(is_transient(code), "{code}");
        }
        assert!(publish_error(&KafkaError::Canceled).is_transient());
    }
}
