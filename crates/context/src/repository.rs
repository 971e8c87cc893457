use std::marker::PhantomData;
use std::sync::Arc;

use ambient::{Clock, Timestamp};
use chassis::Scope;
use chassis::page::PageRequest;
use events::{EventSet, TraceContext};
use messaging::{Outbox, StagedEvents};
use sqlx::any::AnyRow;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Row as _};
use store::{Page, Row, Store, Tx, sqlx};

/// The rows of a table.
pub struct Repository<R> {
    store: Store,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
    row: PhantomData<fn() -> R>,
}

/// The rows of a list, and their order.
#[derive(Debug, Clone, Copy)]
pub struct List<const N: usize> {
    /// The condition, in SQL.
    pub filter: &'static str,
    /// The BIGINT columns of the order, the last one unique.
    pub by: [&'static str; N],
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
        row.filter(|row| scope.includes(row.owner())).map(Row::into_state).transpose()
    }

    /// The requested page of a list, without the rows outside this scope.
    pub async fn page<const N: usize>(
        &self,
        list: &List<N>,
        scope: &Scope,
        request: &PageRequest<N>,
    ) -> Result<PageAndNext<R::State, N>, sqlx::Error> {
        let sql = list.sql::<R>(scope);
        let after = request.after.unwrap_or([i64::MIN; N]);
        let query = after.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), Query::bind);
        let query = match scope {
            Scope::Own(subject) => query.bind(subject.as_str()),
            Scope::All => query,
        };
        let rows = query.bind(Page::<R>::look_ahead(request.size)).fetch_all(self.store.reader()).await?;
        let page = Page::cut(rows, request.size, Ok)?;
        let next = page.end().map(|last| list.position(last)).transpose()?;
        let items = page.items.iter().map(|row| R::from_row(row)?.into_state());
        Ok((items.collect::<Result<_, _>>()?, next))
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
        let Some(row) = row.filter(|row| scope.includes(row.owner())) else { return Ok(Ok(None)) };
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

impl<const N: usize> List<N> {
    /// The first parameters are the position after which the page begins. Then follow the owner, if the scope has one,
    /// and the number of rows.
    fn sql<R: Row>(&self, scope: &Scope) -> String {
        let (columns, name, filter, by) = (R::TABLE.names(), R::TABLE.name, self.filter, self.by.join(", "));
        let after = (1..=N).map(|index| format!("${index}")).collect::<Vec<_>>().join(", ");
        let (owned, limit) = match scope {
            Scope::All => (String::new(), N + 1),
            // A table without owners has no row of this one.
            Scope::Own(_) => (format!(" AND {} = ${}", R::OWNER.unwrap_or("''"), N + 1), N + 2),
        };
        format!(
            "SELECT {columns} FROM {name} WHERE ({by}) > ({after}) AND {filter}{owned} ORDER BY {by} LIMIT ${limit}"
        )
    }

    fn position(&self, row: &AnyRow) -> Result<[i64; N], sqlx::Error> {
        let mut position = [0; N];
        for (value, column) in position.iter_mut().zip(self.by) {
            *value = row.try_get(column)?;
        }
        Ok(position)
    }
}
