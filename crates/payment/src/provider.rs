use std::sync::Arc;

use anyhow::bail;
use async_trait::async_trait;
use chassis::Host;
use thiserror::Error;

use crate::rules::Bill;

/// The payment provider. The key and the attempt of a bill are the idempotency key.
///
/// An implementation charges the same bill once, however often it is requested. A refunded bill keeps no money, and none is
/// taken for it from then on, not even by a charge that was under way.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Takes the price.
    async fn charge(&self, bill: &Bill) -> Result<(), ChargeError>;

    /// Pays the price back if it was taken, and closes the bill.
    async fn refund(&self, bill: &Bill) -> Result<(), ChargeError>;
}

/// Why the provider has not done it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChargeError {
    /// It declines, for a reason that the customer may read.
    #[error("{0}")]
    Declined(String),
    /// It failed: it is unknown whether it was done.
    #[error("the provider failed")]
    Failed,
}

/// The settings of a provider. They choose the provider of a process.
pub trait ProviderSettings: clap::Args + Clone + Send + 'static {
    /// The provider. An error: the process does not start.
    fn provider(&self, host: &Host) -> anyhow::Result<Arc<dyn Provider>>;
}

/// No provider: the process does not start. Replace it with the settings of yours.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct NoProvider {}

impl ProviderSettings for NoProvider {
    fn provider(&self, _host: &Host) -> anyhow::Result<Arc<dyn Provider>> {
        bail!(
            "this binary has no payment provider. Implement `payment::Provider`, or run the binary whose name ends with \
             `-simulator`, which takes no money"
        )
    }
}
