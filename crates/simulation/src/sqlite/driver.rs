//! A driver in front of sqlx's driver for `SQLite`.
//!
//! sqlx cannot wrap a connection, so this is a whole driver, of which [`sqlx::Any`] uses the connection alone: rows, columns
//! and arguments are those of Any. Unused associated types are [`Never`].

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use either::Either;
use log::LevelFilter;
use sqlx_core::Error;
use sqlx_core::any::driver::AnyDriver;
use sqlx_core::any::{AnyConnectOptions, AnyConnectionBackend};
use sqlx_core::arguments::Arguments;
use sqlx_core::column::{Column, ColumnIndex};
use sqlx_core::connection::{ConnectOptions, Connection};
use sqlx_core::database::Database;
use sqlx_core::encode::Encode;
use sqlx_core::error::BoxDynError;
use sqlx_core::row::Row;
use sqlx_core::sql_str::SqlStr;
use sqlx_core::statement::Statement;
use sqlx_core::transaction::{Transaction, TransactionManager};
use sqlx_core::type_info::TypeInfo;
use sqlx_core::types::Type;
use sqlx_core::value::{Value, ValueRef};
use url::Url;

use super::connection::SimulatedConnection;

static DRIVERS: [AnyDriver; 1] = [AnyDriver::without_migrate::<Simulated>()];

/// Makes all stores of this process simulated ones. To be called before the first store is opened.
pub(crate) fn install() {
    store::use_drivers(|| {
        let installed = sqlx_core::any::driver::install_drivers(&DRIVERS);
        assert!(installed.is_ok(), "other drivers are in use already");
    });
}

/// The database type of the driver.
#[derive(Debug)]
pub(crate) struct Simulated;

/// A type without values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Never {}

/// Arguments that are never used: those of Any are.
#[derive(Debug, Default)]
pub(crate) struct NoArguments;

/// Delegates transactions to the connection.
pub(crate) struct Transactions;

/// The URL to connect to.
#[derive(Debug, Clone)]
pub(crate) struct Options(pub(crate) Url);

impl Database for Simulated {
    type Connection = SimulatedConnection;
    type TransactionManager = Transactions;
    type Row = Never;
    type QueryResult = ();
    type Column = Never;
    type TypeInfo = Never;
    type Value = Never;
    type ValueRef<'r> = Never;
    type Arguments = NoArguments;
    type ArgumentBuffer = ();
    type Statement = Never;

    const NAME: &'static str = "SQLite";
    const URL_SCHEMES: &'static [&'static str] = &["sqlite"];
}

impl TransactionManager for Transactions {
    type Database = Simulated;

    async fn begin(connection: &mut SimulatedConnection, statement: Option<SqlStr>) -> Result<(), Error> {
        AnyConnectionBackend::begin(connection, statement).await
    }

    async fn commit(connection: &mut SimulatedConnection) -> Result<(), Error> {
        AnyConnectionBackend::commit(connection).await
    }

    async fn rollback(connection: &mut SimulatedConnection) -> Result<(), Error> {
        AnyConnectionBackend::rollback(connection).await
    }

    fn start_rollback(connection: &mut SimulatedConnection) {
        AnyConnectionBackend::start_rollback(connection);
    }

    fn get_transaction_depth(connection: &SimulatedConnection) -> usize {
        AnyConnectionBackend::get_transaction_depth(connection)
    }
}

impl Connection for SimulatedConnection {
    type Database = Simulated;
    type Options = Options;

    async fn close(self) -> Result<(), Error> {
        AnyConnectionBackend::close(Box::new(self)).await
    }

    async fn close_hard(self) -> Result<(), Error> {
        AnyConnectionBackend::close_hard(Box::new(self)).await
    }

    async fn ping(&mut self) -> Result<(), Error> {
        AnyConnectionBackend::ping(self).await
    }

    async fn begin(&mut self) -> Result<Transaction<'_, Simulated>, Error> {
        Transaction::begin(self, None).await
    }

    fn shrink_buffers(&mut self) {}

    async fn flush(&mut self) -> Result<(), Error> {
        AnyConnectionBackend::flush(self).await
    }

    fn should_flush(&self) -> bool {
        AnyConnectionBackend::should_flush(self)
    }
}

impl ConnectOptions for Options {
    type Connection = SimulatedConnection;

    fn from_url(url: &Url) -> Result<Self, Error> {
        Ok(Self(url.clone()))
    }

    async fn connect(&self) -> Result<SimulatedConnection, Error> {
        SimulatedConnection::open(&self.0).await
    }

    fn log_statements(self, _level: LevelFilter) -> Self {
        self
    }

    fn log_slow_statements(self, _level: LevelFilter, _duration: Duration) -> Self {
        self
    }
}

impl FromStr for Options {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse().map(Self).map_err(|error: url::ParseError| Error::Configuration(error.into()))
    }
}

impl<'a> TryFrom<&'a AnyConnectOptions> for Options {
    type Error = Error;

    fn try_from(options: &'a AnyConnectOptions) -> Result<Self, Error> {
        Ok(Self(options.database_url.clone()))
    }
}

impl Arguments for NoArguments {
    type Database = Simulated;

    fn reserve(&mut self, _additional: usize, _size: usize) {}

    fn add<'t, T>(&mut self, _value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'t, Simulated> + Type<Simulated>,
    {
        Err("arguments are Any's".into())
    }

    fn len(&self) -> usize {
        0
    }
}

sqlx_core::impl_into_arguments_for_arguments!(NoArguments);

impl Row for Never {
    type Database = Simulated;

    fn columns(&self) -> &[Self] {
        match *self {}
    }

    fn try_get_raw<I: ColumnIndex<Self>>(&self, _index: I) -> Result<Self, Error> {
        match *self {}
    }
}

impl Column for Never {
    type Database = Simulated;

    fn ordinal(&self) -> usize {
        match *self {}
    }

    fn name(&self) -> &str {
        match *self {}
    }

    fn type_info(&self) -> &Self {
        match *self {}
    }
}

impl TypeInfo for Never {
    fn is_null(&self) -> bool {
        match *self {}
    }

    fn name(&self) -> &str {
        match *self {}
    }
}

impl fmt::Display for Never {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl Value for Never {
    type Database = Simulated;

    fn as_ref(&self) -> Self {
        match *self {}
    }

    fn type_info(&self) -> Cow<'_, Self> {
        match *self {}
    }

    fn is_null(&self) -> bool {
        match *self {}
    }
}

impl ValueRef<'_> for Never {
    type Database = Simulated;

    fn to_owned(&self) -> Self {
        match *self {}
    }

    fn type_info(&self) -> Cow<'_, Self> {
        match *self {}
    }

    fn is_null(&self) -> bool {
        match *self {}
    }
}

impl Statement for Never {
    type Database = Simulated;

    fn into_sql(self) -> SqlStr {
        match self {}
    }

    fn sql(&self) -> &SqlStr {
        match *self {}
    }

    fn parameters(&self) -> Option<Either<&[Self], usize>> {
        match *self {}
    }

    fn columns(&self) -> &[Self] {
        match *self {}
    }

    sqlx_core::impl_statement_query!(NoArguments);
}
