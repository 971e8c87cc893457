use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use ambient::{Clock, Timestamp};
use chassis::Scope;
use chassis::page::PageRequest;
use chassis::query::Value;
use events::{EventSet, TraceContext};
use messaging::{Outbox, StagedEvents};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row as _};
use store::{Page, Row, Store, Tx, changes, sqlx};

use crate::list::{Filter, List};

/// The rows of a table.
pub struct Repository<R> {
    store: Store,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
    row: PhantomData<fn() -> R>,
}

/// A page, and the cursor of the next one.
pub(crate) type PageAndNext<S, const N: usize> = (Vec<S>, Option<[i64; N]>);

impl<R> Clone for Repository<R> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            outbox: self.outbox.clone(),
            clock: Arc::clone(&self.clock),
            row: PhantomData,
        }
    }
}

impl<R: Row> Repository<R> {
    /// The rows in `store`, whose outbox is `outbox`.
    pub fn new(store: &Store, outbox: Outbox, clock: Arc<dyn Clock>) -> Self {
        Self { store: store.clone(), outbox, clock, row: PhantomData }
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The state of a key, if its row is in this scope.
    pub async fn find(&self, key: &R::Key, scope: &Scope) -> Result<Option<R::State>, sqlx::Error> {
        let (columns, name, key_column) = (R::TABLE.names(), R::TABLE.name, R::TABLE.key);
        let sql = format!("SELECT {columns} FROM {name} WHERE {key_column} = $1");
        let query = sqlx::query_as(AssertSqlSafe(sql)).bind(store::ColumnValue::to_stored(key));
        let row: Option<R> = query.fetch_optional(self.store.reader()).await?;
        row.filter(|row| scope.includes(row.owner(), row.tenant())).map(Row::into_state).transpose()
    }

    /// The requested page of a list, without the rows outside this scope.
    pub async fn page<const N: usize>(
        &self,
        list: &List<N>,
        scope: &Scope,
        request: &PageRequest<N>,
    ) -> Result<PageAndNext<R::State, N>, sqlx::Error> {
        self.filtered_page(list, scope, &[], request).await
    }

    /// The requested page of a list, with these filters.
    pub(crate) async fn filtered_page<const N: usize>(
        &self,
        list: &List<N>,
        scope: &Scope,
        filters: &[(&Filter, Value)],
        request: &PageRequest<N>,
    ) -> Result<PageAndNext<R::State, N>, sqlx::Error> {
        let after = request.after.unwrap_or_else(|| list.start());
        let rows = self.rows_after(list, scope, filters, after, Page::<R>::look_ahead(request.size)).await?;
        let page = Page::cut(rows, request.size, Ok)?;
        let next = page.end().map(|last| list.position(last)).transpose()?;
        let items = page.items.iter().map(|row| R::from_row(row)?.into_state());
        Ok((items.collect::<Result<_, _>>()?, next))
    }

    /// The rows of a list after a position, `most` at most.
    async fn rows_after<const N: usize>(
        &self,
        list: &List<N>,
        scope: &Scope,
        filters: &[(&Filter, Value)],
        after: [i64; N],
        most: i64,
    ) -> Result<Vec<AnyRow>, sqlx::Error> {
        let query = after.into_iter().fold(sqlx::query(AssertSqlSafe(list.sql::<R>(scope, filters))), Query::bind);
        bind_narrowed(query, scope, filters).bind(most).fetch_all(self.store.reader()).await
    }

    /// The rows of a list whose latest change has a greater number, `most` at most, each with the number.
    pub(crate) async fn changed_after<const N: usize>(
        &self,
        list: &List<N>,
        scope: &Scope,
        filters: &[(&Filter, Value)],
        number: i64,
        most: i64,
    ) -> Result<Vec<(i64, R::State)>, sqlx::Error> {
        let list = list.by_changes();
        let rows = self.rows_after(&list, scope, filters, [number], most).await?;
        let read = |row: &AnyRow| -> Result<(i64, R::State), sqlx::Error> {
            let [number] = list.position(row)?;
            Ok((number, R::from_row(row)?.into_state()?))
        };
        rows.iter().map(read).collect()
    }

    /// The number of the latest change of these rows.
    pub(crate) async fn latest_change(&self) -> Result<i64, sqlx::Error> {
        changes::latest(&self.store, &R::TABLE).await
    }

    /// Numbers the changes of rows that are locked and written.
    pub(crate) async fn number_changes(&self, tx: &mut Tx, keys: &[R::Key]) -> Result<(), sqlx::Error> {
        changes::number(tx, self.store.dialect(), &R::TABLE, keys, self.now()).await
    }

    /// The number of rows of a list with each value of a column, with these filters.
    pub(crate) async fn totals<const N: usize>(
        &self,
        list: &List<N>,
        column: &str,
        scope: &Scope,
        filters: &[(&Filter, Value)],
    ) -> Result<BTreeMap<String, i64>, sqlx::Error> {
        let query = sqlx::query(AssertSqlSafe(list.totals_sql::<R>(column, scope, filters)));
        let rows = bind_narrowed(query, scope, filters).fetch_all(self.store.reader()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Changes the state of a key under its lock, and publishes the event of the change in the same transaction.
    ///
    /// `change` gets `None` if there is no row. Its error is returned, and nothing is changed.
    pub async fn change<E: EventSet, F: Send>(
        &self,
        key: &R::Key,
        trace: TraceContext,
        change: impl FnOnce(Option<R::State>) -> Result<(R::State, E), F> + Send,
    ) -> Result<Result<R::State, F>, sqlx::Error>
    where
        R::State: Clone,
    {
        let mut tx = self.store.begin().await?;
        let rows = self.lock(&mut tx, std::slice::from_ref(key)).await?;
        let state = rows.into_iter().next().map(Row::into_state).transpose()?;
        let (state, event) = match change(state) {
            Ok(changed) => changed,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.write(&mut tx, vec![state.clone()]).await?;
        let mut pending = StagedEvents::default();
        self.outbox.stage(&mut pending, &event, Some(trace))?;
        self.outbox.commit(tx, pending).await?;
        Ok(Ok(state))
    }

    /// Changes the state of an existing row under its lock, and publishes the event of the change in the same transaction.
    /// Without an event, nothing is written. `total` counts the changes. `None`: there is no row in this scope.
    ///
    /// The error of `change` is returned, and nothing is changed.
    pub async fn update<E: EventSet, F: Send>(
        &self,
        key: &R::Key,
        scope: &Scope,
        trace: TraceContext,
        total: &'static str,
        change: impl FnOnce(&mut R::State) -> Result<Option<E>, F> + Send,
    ) -> Result<Result<Option<R::State>, F>, sqlx::Error>
    where
        R::State: Clone,
    {
        let mut tx = self.store.begin().await?;
        let row = self.lock(&mut tx, std::slice::from_ref(key)).await?.pop();
        let Some(row) = row.filter(|row| scope.includes(row.owner(), row.tenant())) else { return Ok(Ok(None)) };
        let mut state = row.into_state()?;
        let event = match change(&mut state) {
            Ok(event) => event,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut pending = StagedEvents::default();
        if let Some(event) = event {
            self.update_locked(&mut tx, vec![state.clone()]).await?;
            pending.count(total, 1);
            self.outbox.stage(&mut pending, &event, Some(trace))?;
        }
        self.outbox.commit(tx, pending).await?;
        Ok(Ok(Some(state)))
    }

    /// Changes the state of a key under its lock, and publishes the event of the change, if there is one, in the same
    /// transaction. A missing row is inserted first, with the default values of its columns. For participants of sagas: a
    /// compensation that overtakes its action stores a mark.
    ///
    /// The error of `change` is returned, and nothing is changed: no row is inserted.
    pub async fn change_or_insert<E: EventSet, F: Send>(
        &self,
        key: &R::Key,
        trace: TraceContext,
        change: impl FnOnce(&mut R::State) -> Result<Option<E>, F> + Send,
    ) -> Result<Result<R::State, F>, sqlx::Error>
    where
        R::State: Clone,
    {
        let mut tx = self.store.begin().await?;
        let row = self.lock_or_insert(&mut tx, std::slice::from_ref(key)).await?.pop();
        let mut state = row.ok_or(sqlx::Error::RowNotFound)?.into_state()?;
        let event = match change(&mut state) {
            Ok(event) => event,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.write(&mut tx, vec![state.clone()]).await?;
        let mut pending = StagedEvents::default();
        if let Some(event) = event {
            self.outbox.stage(&mut pending, &event, Some(trace))?;
        }
        self.outbox.commit(tx, pending).await?;
        Ok(Ok(state))
    }

    /// The store of the rows.
    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// Locks the existing rows of these keys, in their order.
    pub(crate) async fn lock(&self, tx: &mut Tx, keys: &[R::Key]) -> Result<Vec<R>, sqlx::Error> {
        R::TABLE.lock(tx, self.store.dialect(), keys).await
    }

    /// Updates existing rows that are locked. Columns that the rows do not have stay as they are.
    pub(crate) async fn update_locked(&self, tx: &mut Tx, states: Vec<R::State>) -> Result<(), sqlx::Error> {
        let rows: Vec<R> = states.into_iter().map(R::from).collect();
        R::TABLE.update(tx, self.store.dialect(), &rows).await
    }

    /// Locks the rows of these keys, in their order. Missing rows are inserted first.
    pub(crate) async fn lock_or_insert(&self, tx: &mut Tx, keys: &[R::Key]) -> Result<Vec<R>, sqlx::Error> {
        R::TABLE.lock_or_insert(tx, self.store.dialect(), keys).await
    }

    /// Writes states whose rows are locked.
    pub(crate) async fn write(&self, tx: &mut Tx, states: Vec<R::State>) -> Result<(), sqlx::Error> {
        let rows: Vec<R> = states.into_iter().map(R::from).collect();
        R::TABLE.write(tx, self.store.dialect(), &rows).await
    }

    /// Deletes all rows, as a rebuild does.
    pub(crate) async fn clear(&self, tx: &mut Tx) -> Result<(), sqlx::Error> {
        let sql = format!("DELETE FROM {}", R::TABLE.name);
        sqlx::query(AssertSqlSafe(sql)).execute(&mut **tx).await.map(drop)
    }
}

/// Binds the owner or the tenant of a scope, and the values of filters.
fn bind_narrowed<'q>(
    query: Query<'q, Any, AnyArguments>,
    scope: &'q Scope,
    filters: &[(&Filter, Value)],
) -> Query<'q, Any, AnyArguments> {
    let query = match scope {
        Scope::Own(subject) => query.bind(subject.as_str()),
        Scope::Tenant(tenant) => query.bind(*tenant),
        Scope::All => query,
    };
    filters.iter().fold(query, |query, (_, value)| match value {
        Value::Number(number) => query.bind(*number),
        Value::Text(text) => query.bind(*text),
    })
}
