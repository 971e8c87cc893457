//! What is done to the servers of others, beside everything else: a broker may take half a minute to start.

use anyhow::Result;
use testkit::Order;
use tokio::task::JoinHandle;

/// The orders that were given, for each server in the order in which they were given.
#[derive(Default)]
pub struct Orders {
    broker: Option<JoinHandle<Result<()>>>,
    stores: Option<JoinHandle<Result<()>>>,
}

impl Orders {
    /// Has an order carried out when those before it are done, and calls `done` then.
    pub fn give(&mut self, order: Order, done: impl FnOnce() + Send + 'static) {
        let to_broker = matches!(order, Order::KillBroker | Order::StartBroker);
        let last = if to_broker { &mut self.broker } else { &mut self.stores };
        let before = last.take();
        *last = Some(tokio::spawn(async move {
            if let Some(before) = before {
                before.await??;
            }
            order.carry_out().await?;
            done();
            Ok(())
        }));
    }

    /// Waits until all are carried out. An error is that of the first that failed.
    pub async fn all(&mut self) -> Result<()> {
        for last in [self.broker.take(), self.stores.take()].into_iter().flatten() {
            last.await??;
        }
        Ok(())
    }
}
