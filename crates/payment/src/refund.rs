use std::marker::PhantomData;
use std::sync::Arc;

use chassis::Host;
use context::{Effect, Effects};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use store::sqlx::any::AnyRow;
use store::sqlx::{Error, FromRow};
use store::{Column, read_column};

use crate::payable::Payable;
use crate::provider::Provider;
use crate::rules::Bill;

/// A bill that the provider must refund and close.
#[derive(Debug, Clone)]
pub struct Refund<P> {
    /// The bill.
    pub bill: Bill,
    payable: PhantomData<fn() -> P>,
}

impl<P> Refund<P> {
    /// The refund of a bill.
    pub const fn of(bill: Bill) -> Self {
        Self { bill, payable: PhantomData }
    }
}

impl<P: Payable> Effect for Refund<P> {
    const NAME: &'static str = "refunds";

    const TABLE: &'static str = "refunds_due";

    const KEY: &'static [&'static str] = &[P::KEY_COLUMN, "attempt"];

    const COLUMNS: &'static [(&'static str, Column)] =
        &[(P::KEY_COLUMN, Column::Number), ("attempt", Column::Number), ("price", Column::Number)];
}

impl<P: Payable> FromRow<'_, AnyRow> for Refund<P> {
    fn from_row(row: &AnyRow) -> Result<Self, Error> {
        let (key, attempt) = (read_column(row, P::KEY_COLUMN)?, read_column(row, "attempt")?);
        Ok(Self::of(Bill { key, attempt, price: read_column(row, "price")? }))
    }
}

impl<P: Payable> Serialize for Refund<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut columns = serializer.serialize_map(None)?;
        columns.serialize_entry(P::KEY_COLUMN, &self.bill.key)?;
        columns.serialize_entry("attempt", &self.bill.attempt)?;
        columns.serialize_entry("price", &self.bill.price)?;
        columns.end()
    }
}

/// Starts the background task that has the provider refund what is due.
pub fn start_refunds<P: Payable>(refunds: &Effects<Refund<P>>, provider: Arc<dyn Provider>, host: &Host) {
    refunds.start(host, move |refund: Refund<P>| {
        let provider = Arc::clone(&provider);
        async move { provider.refund(&refund.bill).await }
    });
}
