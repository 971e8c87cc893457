use std::sync::Mutex;

use axum::Router;
use chassis::Host;
use tokio_util::sync::CancellationToken;

/// A process that runs now.
pub(crate) struct Running {
    pub(crate) context: String,
    pub(crate) host: Host,
    pub(crate) killed: CancellationToken,
    /// Set while it serves.
    pub(crate) router: Mutex<Option<Router>>,
}
