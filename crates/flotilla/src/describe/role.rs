//! The roles of the processes of a fleet.

use serde::Serialize;

/// The role of a process in its fleet. The order of the variants is the order of the shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The gateway.
    Gateway,
    /// The service of a context.
    Context,
    /// The embedded broker.
    Broker,
}
