//! The broker port on Kafka, through librdkafka.

pub(crate) mod admission;
pub(crate) mod broker;
pub(crate) mod client;
pub(crate) mod consumer_group;
pub(crate) mod headers;
pub(crate) mod producer;
pub(crate) mod security;
pub(crate) mod topics;
