use std::sync::Arc;

use chassis::Scope;
use context::Repository;
use events::TraceContext;
use store::sqlx::Error;

use crate::payable::Payable;
use crate::provider::{ChargeError, Provider};
use crate::row::PaymentRow;
use crate::rules::{ApproveError, Bill, EarlierAttemptApproved, State};
use crate::store::PaymentStore;

/// Approves and cancels payments.
pub struct UseCases<P: Payable> {
    payments: PaymentStore<P>,
    rows: Repository<PaymentRow<P>>,
    provider: Arc<dyn Provider>,
}

/// The outcome of the request of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalOutcome {
    /// The money is taken, now or before.
    Approved,
    /// The provider declines, for this reason.
    Declined(String),
    /// The bill was cancelled, or another attempt counts.
    Rejected(ApproveError),
    /// The provider failed: it is unknown whether the money is taken.
    Unknown,
}

impl<P: Payable> UseCases<P> {
    /// On these payments, with this provider. `rows` are those of the same store.
    pub fn new(payments: PaymentStore<P>, rows: Repository<PaymentRow<P>>, provider: Arc<dyn Provider>) -> Self {
        Self { payments, rows, provider }
    }

    /// Takes the price of a bill, once however often it is requested.
    pub async fn approve(
        &self,
        bill: Bill,
        details: P::Details,
        trace: TraceContext,
    ) -> Result<ApprovalOutcome, Error> {
        match self.provider.charge(&bill).await {
            Ok(()) => {
                let stored = self.payments.approve(bill, details, trace).await?;
                Ok(stored.map_or_else(ApprovalOutcome::Rejected, |()| ApprovalOutcome::Approved))
            }
            Err(ChargeError::Declined(_)) if self.is_approved(bill).await? => Ok(ApprovalOutcome::Approved),
            Err(ChargeError::Declined(reason)) => Ok(ApprovalOutcome::Declined(reason)),
            Err(ChargeError::Failed) => Ok(ApprovalOutcome::Unknown),
        }
    }

    async fn is_approved(&self, bill: Bill) -> Result<bool, Error> {
        let known = self.rows.find(&bill.key, &Scope::All).await?;
        Ok(known.is_some_and(|row| row.payment.bill == bill && row.payment.state == State::Approved))
    }

    /// Pays the price of a bill back if it was taken, and prevents that it is taken later.
    pub async fn cancel(
        &self,
        bill: Bill,
        details: P::Details,
        trace: TraceContext,
    ) -> Result<Result<(), EarlierAttemptApproved>, Error> {
        self.payments.cancel(bill, details, trace).await
    }
}
