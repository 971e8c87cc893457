use std::collections::BTreeMap;

use events::TraceContext;
use messaging::{Argument, Outbox, Saying};
use payment_contract::{PaymentApproved, PaymentEvent};
use payment_domain::{Approval, Bill, Payment, Refusal, State, approve, cancel};
use serde::Serialize;
use sqlx::{AssertSqlSafe, FromRow};
use store::{Column, Page, Store, Table, Tx, incoming};

const TAKEN: &str = "money_taken_total";
const RETURNED: &str = "money_returned_total";

const TABLE: Table = Table {
    name: "payments",
    key: "match_id",
    columns: &[
        ("match_id", Column::Number),
        ("attempt", Column::Number),
        ("price", Column::Number),
        ("state", Column::Text),
    ],
};

/// Keeps payments, and says what becomes of them in the same transactions.
#[derive(Clone)]
pub struct PaymentStore {
    store: Store,
    outbox: Outbox,
}

#[derive(Debug, FromRow, Serialize)]
struct Row {
    match_id: i64,
    attempt: i64,
    price: i64,
    state: String,
}

impl PaymentStore {
    /// Payments in `store`; `outbox` is the one of the same store.
    pub fn new(store: &Store, outbox: Outbox) -> Self {
        metrics::describe_counter!(TAKEN, "Money taken for matches: prices of approved payments");
        metrics::describe_counter!(RETURNED, "Money promised back: prices of approved payments that were cancelled");
        Self { store: store.clone(), outbox }
    }

    /// Adds what became of a payment to what a transaction says, and its price to the money that is counted.
    pub fn say(
        &self,
        saying: &mut Saying,
        event: &PaymentEvent,
        trace: Option<TraceContext>,
    ) -> Result<(), sqlx::Error> {
        let (counter, price) = match event {
            PaymentEvent::PaymentApproved(event) => (TAKEN, event.price),
            PaymentEvent::PaymentCanceled(event) => (RETURNED, event.price),
        };
        saying.count(counter, price.unsigned_abs());
        self.outbox.say(saying, event, trace)
    }

    /// Writes down that the provider has taken a bill, unless it was cancelled in the meantime.
    pub async fn approve(&self, bill: Bill, trace: TraceContext) -> Result<Result<(), Refusal>, sqlx::Error> {
        // As a rule the bill is the first of its match: then there is nothing to look up.
        if let Ok(Approval::Now(_, event)) = approve(None, bill)
            && self.insert(bill, event, trace).await?
        {
            return Ok(Ok(()));
        }
        let mut tx = self.store.begin().await?;
        let known = self.lock(&mut tx, &[bill.match_id]).await?.remove(&bill.match_id);
        let mut saying = Saying::default();
        let approval = approve(known.as_ref(), bill);
        match &approval {
            Ok(Approval::Now(payment, event)) => {
                self.write(&mut tx, &[*payment]).await?;
                self.say(&mut saying, &PaymentEvent::PaymentApproved(event.clone()), Some(trace))?;
            }
            Ok(Approval::Before(_)) => {}
            // The provider has taken what must not be taken.
            Err(_) => self.owe(&mut tx, &[bill]).await?,
        }
        self.outbox.commit(tx, saying).await?;
        Ok(approval.map(drop))
    }

    /// Writes down the first payment of a match. `false` if there is one already: then nothing happens.
    async fn insert(&self, bill: Bill, event: PaymentApproved, trace: TraceContext) -> Result<bool, sqlx::Error> {
        let sql = "INSERT INTO payments (match_id, attempt, price, state) VALUES ($1, $2, $3, 'Approved') \
                   ON CONFLICT (match_id) DO NOTHING";
        let mut saying = Saying::default();
        self.say(&mut saying, &PaymentEvent::PaymentApproved(event), Some(trace))?;
        let arguments = [bill.match_id, bill.attempt, bill.price].map(Argument::Number);
        self.outbox.change_and_say(sql, &arguments, saying).await
    }

    /// Cancels the payment of a bill, or keeps it from ever being approved.
    pub async fn cancel(&self, bill: Bill, trace: TraceContext) -> Result<(), sqlx::Error> {
        let mut tx = self.store.begin().await?;
        let rows: Vec<Row> = TABLE.lock_or_insert(&mut tx, self.store.dialect(), &[bill.match_id]).await?;
        let known = rows.first().map(Row::payment).transpose()?;
        let mut saying = Saying::default();
        if let Some((payment, event)) = cancel(known.as_ref(), bill) {
            self.write(&mut tx, &[payment]).await?;
            if let Some(event) = event {
                self.say(&mut saying, &PaymentEvent::PaymentCanceled(event), Some(trace))?;
            }
        }
        self.outbox.commit(tx, saying).await
    }

    /// Locks the payments of these matches.
    pub async fn lock(&self, tx: &mut Tx, ids: &[i64]) -> Result<BTreeMap<i64, Payment>, sqlx::Error> {
        let rows: Vec<Row> = TABLE.lock(tx, self.store.dialect(), ids).await?;
        rows.iter().map(|row| Ok((row.match_id, row.payment()?))).collect()
    }

    /// Writes payments that are locked. What is not approved, the provider owes.
    pub async fn write(&self, tx: &mut Tx, payments: &[Payment]) -> Result<(), sqlx::Error> {
        let rows: Vec<Row> = payments.iter().map(Row::of).collect();
        TABLE.write(tx, self.store.dialect(), &rows).await?;
        let undone = payments.iter().filter(|payment| payment.state != State::Approved);
        self.owe(tx, &undone.map(|payment| payment.bill).collect::<Vec<_>>()).await
    }

    async fn owe(&self, tx: &mut Tx, bills: &[Bill]) -> Result<(), sqlx::Error> {
        if bills.is_empty() {
            return Ok(());
        }
        let source = self.store.dialect().rows(DUE);
        let sql = format!(
            "INSERT INTO refunds_due (match_id, attempt, price) SELECT match_id, attempt, price FROM {source} WHERE true \
             ORDER BY match_id, attempt ON CONFLICT (match_id, attempt) DO NOTHING"
        );
        sqlx::query(AssertSqlSafe(sql)).bind(incoming(&Due::all(bills))?).execute(&mut **tx).await.map(drop)
    }

    /// The payment of a match, as people see it.
    pub async fn find(&self, match_id: i64) -> Result<Option<Payment>, sqlx::Error> {
        let sql = "SELECT match_id, attempt, price, state FROM payments WHERE match_id = $1 AND state <> 'Void'";
        let row: Option<Row> = sqlx::query_as(sql).bind(match_id).fetch_optional(self.store.reader()).await?;
        row.map(|row| row.payment()).transpose()
    }

    /// Payments after `after`, by match id.
    pub async fn page(&self, after: i64, size: i64) -> Result<Page<Payment>, sqlx::Error> {
        let sql = "SELECT match_id, attempt, price, state FROM payments WHERE match_id > $1 AND state <> 'Void' \
                   ORDER BY match_id LIMIT $2";
        let query = sqlx::query_as(sql).bind(after).bind(Page::<Row>::look_ahead(size));
        Page::cut(query.fetch_all(self.store.reader()).await?, size, |row: Row| row.payment())
    }

    /// Bills that the provider is to give back and to close, in their order; those after `seen` if it is given.
    pub async fn refunds_due(&self, seen: Option<Bill>, most: i64) -> Result<Vec<Bill>, sqlx::Error> {
        let (match_id, attempt) = seen.map_or((i64::MIN, i64::MIN), |bill| (bill.match_id, bill.attempt));
        let sql = "SELECT match_id, attempt, price FROM refunds_due WHERE (match_id, attempt) > ($1, $2) \
                   ORDER BY match_id, attempt LIMIT $3";
        let rows = sqlx::query_as(sql).bind(match_id).bind(attempt).bind(most);
        let rows: Vec<Due> = rows.fetch_all(self.store.reader()).await?;
        Ok(rows.iter().map(Due::bill).collect())
    }

    /// The provider has closed these bills.
    pub async fn refunded(&self, bills: &[Bill]) -> Result<(), sqlx::Error> {
        if bills.is_empty() {
            return Ok(());
        }
        let source = self.store.dialect().rows(DUE);
        let sql = format!(
            "DELETE FROM refunds_due WHERE (match_id, attempt) IN (SELECT match_id, attempt FROM {source} ORDER BY 1, 2)"
        );
        sqlx::query(AssertSqlSafe(sql)).bind(incoming(&Due::all(bills))?).execute(self.store.writer()).await.map(drop)
    }
}

/// The columns of a bill that is due.
const DUE: &[(&str, Column)] = &[("match_id", Column::Number), ("attempt", Column::Number), ("price", Column::Number)];

#[derive(FromRow, Serialize)]
struct Due {
    match_id: i64,
    attempt: i64,
    price: i64,
}

impl Due {
    fn all(bills: &[Bill]) -> Vec<Self> {
        bills.iter().map(|&Bill { match_id, attempt, price }| Self { match_id, attempt, price }).collect()
    }

    fn bill(&self) -> Bill {
        Bill { match_id: self.match_id, attempt: self.attempt, price: self.price }
    }
}

impl Row {
    fn of(payment: &Payment) -> Self {
        let Payment { bill: Bill { match_id, attempt, price }, state } = *payment;
        Self { match_id, attempt, price, state: action(state).to_owned() }
    }

    fn payment(&self) -> Result<Payment, sqlx::Error> {
        let state = [State::Approved, State::Canceled, State::Void].into_iter().find(|s| action(*s) == self.state);
        let state = state.ok_or_else(|| sqlx::Error::Decode(format!("state is {:?}", self.state).into()))?;
        let bill = Bill { match_id: self.match_id, attempt: self.attempt, price: self.price };
        Ok(Payment { bill, state })
    }
}

/// The name of a state in stores.
fn action(state: State) -> &'static str {
    match state {
        State::Approved => "Approved",
        State::Canceled => "Canceled",
        State::Void => "Void",
    }
}
