//! A broker in memory: topics with partitions, and consumer groups that share them.

pub(crate) mod client;
pub(crate) mod log;
