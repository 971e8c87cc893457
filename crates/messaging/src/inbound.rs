//! From the broker into a context: records become events, which are applied once, or dead letters.

pub(crate) mod batch;
pub(crate) mod consumer;
pub(crate) mod dead_letters;
pub(crate) mod handler;
pub(crate) mod inbox;
pub(crate) mod replay;
