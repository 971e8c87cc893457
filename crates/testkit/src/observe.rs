//! Observation of processes: HTTP, server-sent events, metrics, polling.

pub(crate) mod api;
mod live;
pub(crate) mod metrics;
mod recording_api;
mod wait;

pub use api::{Api, ApiResponse};
pub use live::{Live, Message};
pub use recording_api::RecordingApi;
pub use wait::{LATER, SOON, each, eventually};
