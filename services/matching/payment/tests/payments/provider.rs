//! A stub of the provider, which fails as the test wants it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;

use async_trait::async_trait;
use payment::{Bill, ChargeError, Provider};

type BillId = (i64, i64);

#[derive(Default)]
pub struct ProviderStub {
    /// Bills whose money it has.
    pub holds: Mutex<BTreeSet<BillId>>,
    closed: Mutex<BTreeSet<BillId>>,
    /// Failures to come, of charges.
    pub charges: Mutex<VecDeque<ChargeError>>,
    /// Bills that it fails to refund.
    pub not_refundable: Mutex<BTreeSet<BillId>>,
    pub refunds: Mutex<usize>,
}

fn id(bill: &Bill) -> BillId {
    (bill.key, bill.attempt)
}

#[async_trait]
impl Provider for ProviderStub {
    async fn charge(&self, bill: &Bill) -> Result<(), ChargeError> {
        if let Some(failure) = self.charges.lock().unwrap().pop_front() {
            return Err(failure);
        }
        if !self.closed.lock().unwrap().contains(&id(bill)) {
            self.holds.lock().unwrap().insert(id(bill));
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn refund(&self, bill: &Bill) -> Result<(), ChargeError> {
        *self.refunds.lock().unwrap() += 1;
        if self.not_refundable.lock().unwrap().contains(&id(bill)) {
            return Err(ChargeError::Failed);
        }
        self.closed.lock().unwrap().insert(id(bill));
        self.holds.lock().unwrap().remove(&id(bill));
        Ok(())
    }
}
