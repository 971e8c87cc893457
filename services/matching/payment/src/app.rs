use std::sync::Arc;

use events::TraceContext;
use payment_domain::{Bill, Payment, Refusal, State};
use store::Page;
use tokio::sync::Notify;

use crate::provider::{ChargeError, Provider};
use crate::store::PaymentStore;

/// What the payment context can do.
pub struct App {
    payments: PaymentStore,
    provider: Arc<dyn Provider>,
    refunds: Arc<Notify>,
}

/// What came of asking for a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The money is taken, now or before.
    Approved,
    /// The provider will not take it, for this reason.
    Declined(String),
    /// It was cancelled, or another attempt counts.
    Refused(Refusal),
    /// The provider failed: whether it has taken the money nobody knows.
    Unknown,
}

impl App {
    /// The use cases, on these parts. `refunds` wakes the refund task.
    pub fn new(payments: PaymentStore, provider: Arc<dyn Provider>, refunds: Arc<Notify>) -> Self {
        Self { payments, provider, refunds }
    }

    /// Takes the price of an attempt, once however often it is asked for.
    pub async fn approve(&self, bill: Bill, trace: TraceContext) -> Result<Asked, sqlx::Error> {
        match self.provider.charge(&bill).await {
            Ok(()) => {
                let outcome = self.payments.approve(bill, trace).await?;
                if outcome.is_err() {
                    self.refunds.notify_one();
                }
                Ok(outcome.map_or_else(Asked::Refused, |()| Asked::Approved))
            }
            Err(ChargeError::Declined(_)) if self.is_approved(&bill).await? => Ok(Asked::Approved),
            Err(ChargeError::Declined(reason)) => Ok(Asked::Declined(reason)),
            Err(ChargeError::Failed) => Ok(Asked::Unknown),
        }
    }

    async fn is_approved(&self, bill: &Bill) -> Result<bool, sqlx::Error> {
        let known = self.payments.find(bill.match_id).await?;
        Ok(known == Some(Payment { bill: *bill, state: State::Approved }))
    }

    /// Gives the price of an attempt back if it was taken, and keeps it from being taken later.
    pub async fn cancel(&self, bill: Bill, trace: TraceContext) -> Result<(), sqlx::Error> {
        self.payments.cancel(bill, trace).await?;
        self.refunds.notify_one();
        Ok(())
    }

    /// The payment of a match.
    pub async fn find(&self, match_id: i64) -> Result<Option<Payment>, sqlx::Error> {
        self.payments.find(match_id).await
    }

    /// Payments after `after`, by match id.
    pub async fn page(&self, after: i64, size: i64) -> Result<Page<Payment>, sqlx::Error> {
        self.payments.page(after, size).await
    }
}
