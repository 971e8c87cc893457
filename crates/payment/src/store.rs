use std::collections::BTreeMap;
use std::sync::Arc;

use ambient::Clock;
use context::Effects;
use events::TraceContext;
use messaging::{Argument, Outbox, StagedEvents};
use store::sqlx::Error;
use store::{ColumnValue, Row, Store, Tx};

use crate::payable::Payable;
use crate::refund::Refund;
use crate::row::{PaymentRow, stored_details};
use crate::rules::{ApproveError, Bill, EarlierAttemptApproved, Payment, State, approve, cancel};

const TAKEN: &str = "money_taken_total";
const RETURNED: &str = "money_returned_total";

/// Stores payments, with their events and refunds in the same transactions.
#[derive(Debug, Clone)]
pub struct PaymentStore<P> {
    store: Store,
    outbox: Outbox,
    refunds: Effects<Refund<P>>,
}

impl<P: Payable> PaymentStore<P> {
    /// The payments in `store`, whose outbox is `outbox`.
    pub fn new(store: &Store, outbox: Outbox, clock: Arc<dyn Clock>) -> Self {
        metrics::describe_counter!(TAKEN, "Money taken: prices of approved payments");
        metrics::describe_counter!(RETURNED, "Money to be paid back: prices of approved payments that were cancelled");
        Self { store: store.clone(), outbox, refunds: Effects::new(store, clock) }
    }

    /// The refunds that are due.
    pub const fn refunds(&self) -> &Effects<Refund<P>> {
        &self.refunds
    }

    /// Stores that the provider has taken the money of a bill, unless it was cancelled in the meantime: then its refund is
    /// due.
    pub async fn approve(
        &self,
        bill: Bill,
        details: P::Details,
        trace: TraceContext,
    ) -> Result<Result<(), ApproveError>, Error> {
        // Usually the bill is the first of its key, and there is nothing to look up.
        if let Ok(Some(first)) = approve(None, bill, details.clone())
            && self.insert(&first, trace).await?
        {
            return Ok(Ok(()));
        }
        let mut tx = self.store.begin().await?;
        let known = self.lock(&mut tx, &[bill.key]).await?.remove(&bill.key);
        let mut pending = StagedEvents::default();
        let approval = approve(known.as_ref(), bill, details);
        match &approval {
            Ok(Some(payment)) => {
                self.write(&mut tx, std::slice::from_ref(payment)).await?;
                self.stage(&mut pending, payment, Some(trace))?;
            }
            Ok(None) => {}
            Err(_) => self.refunds.record(&mut tx, &[Refund::of(bill)]).await?,
        }
        self.outbox.commit(tx, pending).await?;
        if approval.is_err() {
            self.refunds.wake();
        }
        Ok(approval.map(drop))
    }

    /// Cancels a bill. One that is not approved yet never will be, once this has succeeded.
    pub async fn cancel(
        &self,
        bill: Bill,
        details: P::Details,
        trace: TraceContext,
    ) -> Result<Result<(), EarlierAttemptApproved>, Error> {
        let mut tx = self.store.begin().await?;
        let rows: Vec<PaymentRow<P>> =
            PaymentRow::<P>::TABLE.lock_or_insert(&mut tx, self.store.dialect(), &[bill.key]).await?;
        let known = rows.into_iter().next().map(|row| row.payment);
        let canceled = match cancel(known.as_ref(), bill, details) {
            Ok(canceled) => canceled,
            Err(error) => return Ok(Err(error)),
        };
        let mut pending = StagedEvents::default();
        if let Some(payment) = canceled {
            self.write(&mut tx, std::slice::from_ref(&payment)).await?;
            self.stage(&mut pending, &payment, Some(trace))?;
        }
        self.outbox.commit(tx, pending).await?;
        self.refunds.wake();
        Ok(Ok(()))
    }

    /// Stages the event of a changed payment, and counts its price. A void payment has none.
    pub(crate) fn stage(
        &self,
        pending: &mut StagedEvents,
        payment: &Payment<P::Details>,
        trace: Option<TraceContext>,
    ) -> Result<(), Error> {
        let (counter, event) = match payment.state {
            State::Approved => (TAKEN, P::approved(payment)),
            State::Canceled => (RETURNED, P::canceled(payment)),
            State::Void => return Ok(()),
        };
        pending.count(counter, payment.bill.price.unsigned_abs());
        self.outbox.stage(pending, &event, trace)
    }

    /// Inserts the first payment of a key. `false`: there is one, and nothing is changed.
    async fn insert(&self, payment: &Payment<P::Details>, trace: TraceContext) -> Result<bool, Error> {
        let (table, key) = (PaymentRow::<P>::TABLE, P::KEY_COLUMN);
        let (name, columns) = (table.name, table.names());
        let sql = format!("INSERT INTO {name} ({columns}) VALUES ($1, $2, $3, $4, $5) ON CONFLICT ({key}) DO NOTHING");
        let mut pending = StagedEvents::default();
        self.stage(&mut pending, payment, Some(trace))?;
        let Bill { key, attempt, price } = payment.bill;
        let (state, details) = (payment.state.to_stored(), stored_details(&payment.details));
        let numbers = [key, attempt, price].map(Argument::Number);
        let arguments = [&numbers[..], &[Argument::Text(&state), Argument::Text(&details)]].concat();
        self.outbox.execute_and_publish(&sql, &arguments, pending).await
    }

    /// Locks the payments of these keys.
    pub(crate) async fn lock(&self, tx: &mut Tx, keys: &[i64]) -> Result<BTreeMap<i64, Payment<P::Details>>, Error> {
        let rows: Vec<PaymentRow<P>> = PaymentRow::<P>::TABLE.lock(tx, self.store.dialect(), keys).await?;
        Ok(rows.into_iter().map(|PaymentRow { payment, .. }| (payment.bill.key, payment)).collect())
    }

    /// Writes payments that are locked. Those without money become due for a refund: a charge may be under way.
    pub(crate) async fn write(&self, tx: &mut Tx, payments: &[Payment<P::Details>]) -> Result<(), Error> {
        let rows: Vec<PaymentRow<P>> = payments.iter().cloned().map(PaymentRow::new).collect();
        PaymentRow::<P>::TABLE.write(tx, self.store.dialect(), &rows).await?;
        let undone = payments.iter().filter(|payment| payment.state != State::Approved);
        self.refunds.record(tx, &undone.map(|payment| Refund::of(payment.bill)).collect::<Vec<_>>()).await
    }
}
