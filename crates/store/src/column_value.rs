use std::any::type_name;

use ambient::{Positive, Subject, Timestamp, Uuid};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{Any, Decode, Row as _, Type};

use crate::Column;

/// A type that a column can hold.
pub trait ColumnValue: Sized {
    /// The type of the column.
    const COLUMN: Column;

    /// How the value is stored: `i64` or `String`, optional if the column can be NULL.
    type Stored: for<'r> Decode<'r, Any> + Type<Any> + Serialize;

    /// The stored form.
    fn to_stored(&self) -> Self::Stored;

    /// The value of a stored form. Fails if it is none of this type.
    fn from_stored(stored: Self::Stored) -> Result<Self, sqlx::Error>;
}

/// The value of a column of a row.
pub fn read_column<V: ColumnValue>(row: &AnyRow, name: &str) -> Result<V, sqlx::Error> {
    V::from_stored(row.try_get(name)?)
}

impl ColumnValue for i64 {
    const COLUMN: Column = Column::Number;

    type Stored = Self;

    fn to_stored(&self) -> Self {
        *self
    }

    fn from_stored(stored: Self) -> Result<Self, sqlx::Error> {
        Ok(stored)
    }
}

impl ColumnValue for String {
    const COLUMN: Column = Column::Text;

    type Stored = Self;

    fn to_stored(&self) -> Self {
        self.clone()
    }

    fn from_stored(stored: Self) -> Result<Self, sqlx::Error> {
        Ok(stored)
    }
}

/// BIGINT 0 or 1: the two stores have no common boolean.
impl ColumnValue for bool {
    const COLUMN: Column = Column::Number;

    type Stored = i64;

    fn to_stored(&self) -> i64 {
        i64::from(*self)
    }

    fn from_stored(stored: i64) -> Result<Self, sqlx::Error> {
        match stored {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(unreadable::<Self>(&other.to_string())),
        }
    }
}

/// BIGINT, microseconds since 1970, UTC.
impl ColumnValue for Timestamp {
    const COLUMN: Column = Column::Number;

    type Stored = i64;

    fn to_stored(&self) -> i64 {
        self.as_micros()
    }

    fn from_stored(stored: i64) -> Result<Self, sqlx::Error> {
        Ok(Self::from_micros(stored))
    }
}

impl ColumnValue for Positive {
    const COLUMN: Column = Column::Number;

    type Stored = i64;

    fn to_stored(&self) -> i64 {
        self.get()
    }

    fn from_stored(stored: i64) -> Result<Self, sqlx::Error> {
        Self::new(stored).map_err(|error| sqlx::Error::Decode(error.into()))
    }
}

impl ColumnValue for Subject {
    const COLUMN: Column = Column::Text;

    type Stored = String;

    fn to_stored(&self) -> String {
        self.as_str().to_owned()
    }

    fn from_stored(stored: String) -> Result<Self, sqlx::Error> {
        Self::new(stored).map_err(|error| sqlx::Error::Decode(error.into()))
    }
}

/// TEXT in the form with hyphens.
impl ColumnValue for Uuid {
    const COLUMN: Column = Column::Text;

    type Stored = String;

    fn to_stored(&self) -> String {
        self.to_string()
    }

    fn from_stored(stored: String) -> Result<Self, sqlx::Error> {
        stored.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
    }
}

/// NULL for `None`.
impl<V> ColumnValue for Option<V>
where
    V: ColumnValue,
    Option<V::Stored>: for<'r> Decode<'r, Any> + Type<Any>,
{
    const COLUMN: Column = V::COLUMN;

    type Stored = Option<V::Stored>;

    fn to_stored(&self) -> Self::Stored {
        self.as_ref().map(V::to_stored)
    }

    fn from_stored(stored: Self::Stored) -> Result<Self, sqlx::Error> {
        stored.map(V::from_stored).transpose()
    }
}

/// A value that is stored as JSON text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: Serialize + DeserializeOwned> ColumnValue for Json<T> {
    const COLUMN: Column = Column::Text;

    type Stored = String;

    /// Empty if the value has no JSON form, as a map whose keys are no texts: such a row is rejected when it is read.
    fn to_stored(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    fn from_stored(stored: String) -> Result<Self, sqlx::Error> {
        serde_json::from_str(&stored).map(Self).map_err(|error| sqlx::Error::Decode(error.into()))
    }
}

fn unreadable<V>(stored: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{stored} is no {}", type_name::<V>()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored<V: ColumnValue>(value: &V) -> V {
        V::from_stored(value.to_stored()).unwrap()
    }

    #[test]
    fn a_value_reads_back_as_it_was_written() {
        assert!(stored(&true) && !stored(&false));
        assert_eq!(stored(&Some(Timestamp::from_micros(-7))), Some(Timestamp::from_micros(-7)));
        assert_eq!(stored(&None::<String>), None);
        assert_eq!(stored(&Json(vec![1, 2])), Json(vec![1, 2]));
    }

    #[test]
    fn a_stored_form_of_no_value_is_an_error() {
        assert!(bool::from_stored(2).is_err());
        assert!(Json::<Vec<i64>>::from_stored("{}".to_owned()).is_err());
    }
}
