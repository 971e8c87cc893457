use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use payment_domain::Bill;
use thiserror::Error;

/// Whoever really takes the money. A bill's match and attempt are the idempotency key.
///
/// What an implementation must keep: the same bill is charged once however often it is asked for; a bill that was
/// refunded keeps no money, and none is taken for it from then on, not even by a charge that was on its way.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Takes the price.
    async fn charge(&self, bill: &Bill) -> Result<(), ChargeError>;

    /// Gives the price back if it was taken, and closes the bill.
    async fn refund(&self, bill: &Bill) -> Result<(), ChargeError>;
}

/// Why the provider did not do it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChargeError {
    /// It will not: an answer for the student.
    #[error("{0}")]
    Declined(String),
    /// It failed; nobody knows how far it got.
    #[error("the provider failed")]
    Failed,
}

/// A provider that is put in from outside.
#[derive(Clone, Default)]
pub struct OtherProvider(pub Option<Arc<dyn Provider>>);

impl fmt::Debug for OtherProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "another provider" } else { "the simulator" })
    }
}
