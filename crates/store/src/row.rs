use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Encode, FromRow};

use crate::{ColumnValue, Table};

/// A row of a table: its fields are the columns. Derived.
pub trait Row: for<'r> FromRow<'r, AnyRow> + Serialize + Send + Sync + Unpin + From<Self::State> + 'static {
    /// The type of the primary key.
    type Key: ColumnValue<Stored: for<'q> Encode<'q, Any>> + Ord + Clone + Send + Sync;

    /// The state that rows are converted to and from. An error: the row violates a rule of the domain.
    type State: TryFrom<Self, Error: std::error::Error + Send + Sync + 'static> + Send + Sync;

    /// The table.
    const TABLE: Table;

    /// The column of the subject that owns a row.
    const OWNER: Option<&'static str>;

    /// The column of the tenant that a row belongs to: BIGINT.
    const TENANT: Option<&'static str> = None;

    /// The primary key.
    fn key(&self) -> &Self::Key;

    /// The subject that owns this row.
    fn owner(&self) -> Option<&str>;

    /// The tenant that this row belongs to.
    fn tenant(&self) -> Option<i64> {
        None
    }

    /// The state of this row.
    fn into_state(self) -> Result<Self::State, sqlx::Error> {
        self.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))
    }
}
