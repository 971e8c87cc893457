use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ambient::{Clock, Ids, Timestamp};
use axum::extract::FromRef;
use cleanassign_contract::CleanAssignEvent;
use cleanassign_domain::{Assignee, Assignment, Busy, Cleaner, NotAssigned, dispatch};
use context::Repository;
use events::TraceContext;
use messaging::{Outbox, StagedEvents};
use store::sqlx::{AssertSqlSafe, Error, query, query_as};
use store::{Row, Store, Tx};

use crate::rows::{AssignmentRow, CleanerRow};

/// The counter of assigned cleaners.
pub(crate) const ASSIGNED_TOTAL: &str = "cleanassigns_assigned_total";

/// Registers cleaners, and reports finished work.
pub(crate) const OPERATOR: &str = "operator";

/// The state of the handlers.
#[derive(Clone)]
pub struct AssignState {
    /// The assignments.
    pub assignments: Repository<AssignmentRow>,
    /// The cleaners.
    pub cleaners: Repository<CleanerRow>,
    /// The commands.
    pub store: DispatchStore,
    /// For ids of cleaners.
    pub ids: Arc<Ids>,
}

/// Assigns and frees cleaners. Each transaction holds the one row of `dispatch`, so that replicas do so one after the other: no
/// cleaner gets two calls, and no call two cleaners.
#[derive(Debug, Clone)]
pub struct DispatchStore {
    store: Store,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
}

impl FromRef<AssignState> for Repository<AssignmentRow> {
    fn from_ref(state: &AssignState) -> Self {
        state.assignments.clone()
    }
}

impl FromRef<AssignState> for Repository<CleanerRow> {
    fn from_ref(state: &AssignState) -> Self {
        state.cleaners.clone()
    }
}

impl DispatchStore {
    /// In `store`, whose outbox is `outbox`.
    pub fn new(store: &Store, outbox: Outbox, clock: Arc<dyn Clock>) -> Self {
        Self { store: store.clone(), outbox, clock }
    }

    /// The time of a registration.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Registers a cleaner, who may get a call at once. The cleaner of this id instead, if there is one.
    pub async fn register(&self, cleaner: &Cleaner, trace: TraceContext) -> Result<(Cleaner, bool), Error> {
        let mut tx = self.begin().await?;
        if let Some(known) = self.lock_cleaners(&mut tx, &[cleaner.id]).await?.remove(&cleaner.id) {
            return Ok((known, false));
        }
        let row = CleanerRow::from(cleaner.clone());
        CleanerRow::TABLE.write(&mut tx, self.store.dialect(), std::slice::from_ref(&row)).await?;
        let mut staged = StagedEvents::default();
        self.assign_free(&mut tx, &mut staged, Some(trace)).await?;
        let registered = self.lock_cleaners(&mut tx, &[cleaner.id]).await?.remove(&cleaner.id);
        self.outbox.commit(tx, staged).await?;
        Ok((registered.unwrap_or_else(|| cleaner.clone()), true))
    }

    /// Removes a cleaner. `false`: there is none.
    pub async fn remove(&self, id: i64) -> Result<Result<bool, Busy>, Error> {
        let mut tx = self.begin().await?;
        let Some(cleaner) = self.lock_cleaners(&mut tx, &[id]).await?.remove(&id) else { return Ok(Ok(false)) };
        if let Err(busy) = cleaner.check_removable() {
            return Ok(Err(busy));
        }
        query("DELETE FROM cleaners WHERE cleaner_id = $1").bind(id).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(Ok(true))
    }

    /// The work for a call is done: its cleaner is free, and may get the next call at once. `None`: there is no such call.
    pub async fn finish(
        &self,
        call_id: i64,
        trace: TraceContext,
    ) -> Result<Result<Option<Assignment>, NotAssigned>, Error> {
        let mut tx = self.begin().await?;
        let rows: Vec<AssignmentRow> = AssignmentRow::TABLE.lock(&mut tx, self.store.dialect(), &[call_id]).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(Ok(None)) };
        let mut assignment = row.into_state()?;
        let event = match assignment.finish() {
            Ok(event) => event,
            Err(reason) => return Ok(Err(reason)),
        };
        if let Some(event) = event {
            let mut staged = StagedEvents::default();
            self.write_assignments(&mut tx, [assignment.clone()]).await?;
            self.outbox.stage(&mut staged, &CleanAssignEvent::from(event), Some(trace))?;
            self.free_cleaners(&mut tx, &[call_id]).await?;
            self.assign_free(&mut tx, &mut staged, Some(trace)).await?;
            self.outbox.commit(tx, staged).await?;
        }
        Ok(Ok(Some(assignment)))
    }

    async fn begin(&self) -> Result<Tx, Error> {
        let mut tx = self.store.begin().await?;
        self.lock_dispatch(&mut tx).await?;
        Ok(tx)
    }

    /// Waits until no other transaction assigns or frees cleaners.
    pub(crate) async fn lock_dispatch(&self, tx: &mut Tx) -> Result<(), Error> {
        let sql = format!("SELECT id FROM dispatch WHERE id = 1{}", self.store.dialect().for_update());
        query(AssertSqlSafe(sql)).execute(&mut **tx).await.map(drop)
    }

    /// Locks the assignments of these calls. Missing ones are inserted first.
    pub(crate) async fn lock_assignments(
        &self,
        tx: &mut Tx,
        calls: &[i64],
    ) -> Result<BTreeMap<i64, Assignment>, Error> {
        let rows: Vec<AssignmentRow> = AssignmentRow::TABLE.lock_or_insert(tx, self.store.dialect(), calls).await?;
        rows.into_iter().map(|row| Ok((*row.key(), row.into_state()?))).collect()
    }

    /// Writes assignments that are locked.
    pub(crate) async fn write_assignments(
        &self,
        tx: &mut Tx,
        assignments: impl IntoIterator<Item = Assignment>,
    ) -> Result<(), Error> {
        let rows: Vec<AssignmentRow> = assignments.into_iter().map(AssignmentRow::from).collect();
        AssignmentRow::TABLE.update(tx, self.store.dialect(), &rows).await
    }

    /// Frees the cleaners of these calls.
    pub(crate) async fn free_cleaners(&self, tx: &mut Tx, calls: &[i64]) -> Result<(), Error> {
        for call_id in calls {
            let sql = "UPDATE cleaners SET call_id = NULL, idle_since = $1 WHERE call_id = $2";
            query(sql).bind(self.now().as_micros()).bind(*call_id).execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// Assigns the cleaners who are free to the calls that wait.
    pub(crate) async fn assign_free(
        &self,
        tx: &mut Tx,
        staged: &mut StagedEvents,
        trace: Option<TraceContext>,
    ) -> Result<(), Error> {
        let sql = format!("SELECT {} FROM cleaners WHERE call_id IS NULL", CleanerRow::TABLE.names());
        let free: Vec<CleanerRow> = query_as(AssertSqlSafe(sql)).fetch_all(&mut **tx).await?;
        let free: Vec<Cleaner> = free.into_iter().map(Row::into_state).collect::<Result<_, _>>()?;
        let mut waiting = self.waiting_for(tx, &free).await?;
        let matches = dispatch(&waiting.values().cloned().collect::<Vec<_>>(), &free);
        let mut cleaners: BTreeMap<i64, Cleaner> = free.into_iter().map(|cleaner| (cleaner.id, cleaner)).collect();
        let mut assigned = Vec::new();
        for found in matches {
            let pair = waiting.remove(&found.call_id).zip(cleaners.remove(&found.cleaner_id));
            let Some((mut call, cleaner)) = pair else { continue };
            let Some(event) = call.assign(Assignee { id: cleaner.id, name: cleaner.name.clone() }) else { continue };
            self.outbox.stage(staged, &CleanAssignEvent::from(event), trace)?;
            // The tag is for the simulation, which can leave the statement out.
            let sql = "/* dispatch: take cleaner */ UPDATE cleaners SET call_id = $1 WHERE cleaner_id = $2";
            query(sql).bind(call.call_id).bind(cleaner.id).execute(&mut **tx).await?;
            assigned.push(call);
        }
        staged.count(ASSIGNED_TOTAL, assigned.len() as u64);
        self.write_assignments(tx, assigned).await
    }

    /// The calls that these cleaners may get: for each place as many of the oldest as there are cleaners. No later call can get one of
    /// them now.
    async fn waiting_for(&self, tx: &mut Tx, free: &[Cleaner]) -> Result<BTreeMap<i64, Assignment>, Error> {
        let places: BTreeSet<Option<&str>> = free.iter().map(|cleaner| cleaner.location.as_deref()).collect();
        let mut waiting = BTreeMap::new();
        for place in places {
            let names = AssignmentRow::TABLE.names();
            let of_place = place.map_or("", |_| "AND (location = $2 OR location IS NULL)");
            let sql = format!(
                "SELECT {names} FROM cleanassigns WHERE state = 'waiting' {of_place} ORDER BY since, call_id LIMIT $1"
            );
            let oldest = query_as(AssertSqlSafe(sql)).bind(i64::try_from(free.len()).unwrap_or(i64::MAX));
            let oldest = place.into_iter().fold(oldest, |query, place| query.bind(place.to_owned()));
            let rows: Vec<AssignmentRow> = oldest.fetch_all(&mut **tx).await?;
            for row in rows {
                waiting.insert(*row.key(), row.into_state()?);
            }
        }
        Ok(waiting)
    }

    async fn lock_cleaners(&self, tx: &mut Tx, ids: &[i64]) -> Result<BTreeMap<i64, Cleaner>, Error> {
        let rows: Vec<CleanerRow> = CleanerRow::TABLE.lock(tx, self.store.dialect(), ids).await?;
        rows.into_iter().map(|row| Ok((*row.key(), row.into_state()?))).collect()
    }
}
