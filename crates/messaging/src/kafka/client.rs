use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use crate::Config;

/// The settings that all clients share: brokers, reconnection, TLS and passwords.
pub(crate) fn client(settings: &Config) -> Result<ClientConfig, KafkaError> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.kafka_brokers)
        // Reconnects soon after a broker has returned.
        .set("reconnect.backoff.max.ms", "1000")
        .set("topic.metadata.refresh.interval.ms", "30000")
        .set("socket.nagle.disable", "true");
    settings.security.protect(&mut config)?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch that the client cannot decompress would stop its partition.
    #[test]
    fn every_compression_of_kafka_can_be_read() {
        let features = ClientConfig::new().create_native_config().unwrap().get("builtin.features").unwrap();
        let features: Vec<&str> = features.split(',').collect();
        for codec in ["gzip", "snappy", "lz4", "zstd"] {
            assert!(features.contains(&codec), "{codec} is not in {features:?}");
        }
    }
}
