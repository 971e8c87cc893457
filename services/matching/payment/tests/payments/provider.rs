//! A provider that keeps what a provider must keep, and answers as it is told.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;

use async_trait::async_trait;
use payment_domain::Bill;
use payment_service::{ChargeError, Provider};

type Name = (i64, i64);

#[derive(Default)]
pub struct Till {
    /// Bills whose money it has.
    pub holds: Mutex<BTreeSet<Name>>,
    closed: Mutex<BTreeSet<Name>>,
    /// Failures to come, of charges.
    pub charges: Mutex<VecDeque<ChargeError>>,
    /// Bills that it fails to refund.
    pub stubborn: Mutex<BTreeSet<Name>>,
    pub refunds: Mutex<usize>,
}

fn name(bill: &Bill) -> Name {
    (bill.match_id, bill.attempt)
}

#[async_trait]
impl Provider for Till {
    async fn charge(&self, bill: &Bill) -> Result<(), ChargeError> {
        if let Some(failure) = self.charges.lock().unwrap().pop_front() {
            return Err(failure);
        }
        if !self.closed.lock().unwrap().contains(&name(bill)) {
            self.holds.lock().unwrap().insert(name(bill));
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn refund(&self, bill: &Bill) -> Result<(), ChargeError> {
        *self.refunds.lock().unwrap() += 1;
        if self.stubborn.lock().unwrap().contains(&name(bill)) {
            return Err(ChargeError::Failed);
        }
        self.closed.lock().unwrap().insert(name(bill));
        self.holds.lock().unwrap().remove(&name(bill));
        Ok(())
    }
}
