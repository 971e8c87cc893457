//! From a context to the broker: events are stored with the state they belong to, and published after the commit.

pub(crate) mod outbox;
pub(crate) mod refused;
pub(crate) mod relay;
