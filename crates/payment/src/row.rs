use std::marker::PhantomData;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use store::sqlx::any::AnyRow;
use store::sqlx::{Error, FromRow};
use store::{Column, ColumnValue, Json, Row, Table, read_column};

use crate::payable::Payable;
use crate::rules::{Bill, Payment, State};

/// A row of `payments`.
#[derive(Debug)]
pub struct PaymentRow<P: Payable> {
    /// The payment.
    pub payment: Payment<P::Details>,
    payable: PhantomData<fn() -> P>,
}

impl<P: Payable> PaymentRow<P> {
    /// The row of a payment.
    pub fn new(payment: Payment<P::Details>) -> Self {
        Self { payment, payable: PhantomData }
    }
}

impl<P: Payable> Row for PaymentRow<P> {
    type Key = i64;
    type State = Self;

    const TABLE: Table = Table {
        name: "payments",
        key: P::KEY_COLUMN,
        columns: &[
            (P::KEY_COLUMN, Column::Number),
            ("attempt", Column::Number),
            ("price", Column::Number),
            ("state", Column::Text),
            ("details", Column::Text),
        ],
    };

    const OWNER: Option<&'static str> = None;

    fn key(&self) -> &i64 {
        &self.payment.bill.key
    }

    fn owner(&self) -> Option<&str> {
        None
    }
}

impl<P: Payable> FromRow<'_, AnyRow> for PaymentRow<P> {
    fn from_row(row: &AnyRow) -> Result<Self, Error> {
        let bill = Bill {
            key: read_column(row, P::KEY_COLUMN)?,
            attempt: read_column(row, "attempt")?,
            price: read_column(row, "price")?,
        };
        // A row that was just inserted to be locked has none.
        let details: Option<Json<P::Details>> = read_column(row, "details")?;
        let details = details.map(|Json(details)| details).unwrap_or_default();
        Ok(Self::new(Payment { bill, details, state: read_column(row, "state")? }))
    }
}

impl<P: Payable> Serialize for PaymentRow<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Payment { bill, details, state } = &self.payment;
        let mut columns = serializer.serialize_map(None)?;
        columns.serialize_entry(P::KEY_COLUMN, &bill.key)?;
        columns.serialize_entry("attempt", &bill.attempt)?;
        columns.serialize_entry("price", &bill.price)?;
        columns.serialize_entry("state", &state.to_stored())?;
        columns.serialize_entry("details", &stored_details(details))?;
        columns.end()
    }
}

/// The stored form of details.
pub(crate) fn stored_details<D: Clone + Serialize + serde::de::DeserializeOwned>(details: &D) -> String {
    Json(details.clone()).to_stored()
}

/// The name of the state.
impl ColumnValue for State {
    const COLUMN: Column = Column::Text;

    type Stored = String;

    fn to_stored(&self) -> String {
        name(*self).to_owned()
    }

    fn from_stored(stored: String) -> Result<Self, Error> {
        let state = [Self::Approved, Self::Canceled, Self::Void].into_iter().find(|state| name(*state) == stored);
        state.ok_or_else(|| Error::Decode(format!("{stored:?} is no state of a payment").into()))
    }
}

const fn name(state: State) -> &'static str {
    match state {
        State::Approved => "Approved",
        State::Canceled => "Canceled",
        State::Void => "Void",
    }
}
