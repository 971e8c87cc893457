//! For operators of a context or a fleet: its state, its topics, its dead letters, and the rebuild of a view.

pub(crate) mod offsets;
pub(crate) mod reader;
pub(crate) mod redrive;
pub(crate) mod routes;
pub(crate) mod status;
