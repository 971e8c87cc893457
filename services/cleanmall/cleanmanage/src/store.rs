use axum::extract::FromRef;
use cleanmanage_contract::CleanManageEvent;
use cleanmanage_domain::{Declined, EarlierAccepted, Management, Places, Request, Withdrawn};
use context::Repository;
use events::TraceContext;
use messaging::{Argument, Outbox, StagedEvents};
use store::sqlx::{Error, query_as, query_scalar};
use store::{Dialect, Row, Store, Tx};

use crate::management_row::ManagementRow;

/// The counter of accepted calls.
pub(crate) const ACCEPTED_TOTAL: &str = "cleanmanages_accepted_total";

/// Sees all calls, and decides what is accepted.
pub(crate) const OPERATOR: &str = "operator";

/// The state of the handlers.
#[derive(Clone)]
pub struct ManageState {
    /// The calls.
    pub managements: Repository<ManagementRow>,
    /// The commands.
    pub store: ManagementStore,
}

/// Stores what the management accepts, with its events in the same transactions.
#[derive(Debug, Clone)]
pub struct ManagementStore {
    store: Store,
    outbox: Outbox,
}

/// Why an attempt is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAccepted {
    /// The management declines.
    Declined(Declined),
    /// It was withdrawn.
    Withdrawn(Withdrawn),
}

impl FromRef<ManageState> for Repository<ManagementRow> {
    fn from_ref(state: &ManageState) -> Self {
        state.managements.clone()
    }
}

impl FromRef<ManageState> for ManagementStore {
    fn from_ref(state: &ManageState) -> Self {
        state.store.clone()
    }
}

impl ManagementStore {
    /// In `store`, whose outbox is `outbox`.
    pub fn new(store: &Store, outbox: Outbox) -> Self {
        Self { store: store.clone(), outbox }
    }

    /// Accepts an attempt at a call.
    pub async fn accept(
        &self,
        (call_id, attempt): (i64, i64),
        request: Request,
        trace: TraceContext,
    ) -> Result<Result<(), NotAccepted>, Error> {
        let mut tx = self.store.begin().await?;
        let places = self.places_in(&mut tx).await?;
        let mut management = self.lock(&mut tx, call_id).await?;
        if management.is_accepted(attempt) {
            return Ok(Ok(()));
        }
        let open = if places.limit.is_some() { self.open(&mut tx).await? } else { 0 };
        if let Err(reason) = places.check(request.location.as_deref(), open) {
            return Ok(Err(NotAccepted::Declined(reason)));
        }
        match management.accept(attempt, request) {
            Ok(event) => self.write(tx, management, Some(event.into()), trace).await.map(Ok),
            Err(reason) => Ok(Err(NotAccepted::Withdrawn(reason))),
        }
    }

    /// Withdraws an attempt at a call, whether it has arrived or not.
    pub async fn withdraw(
        &self,
        (call_id, attempt): (i64, i64),
        trace: TraceContext,
    ) -> Result<Result<(), EarlierAccepted>, Error> {
        let mut tx = self.store.begin().await?;
        let mut management = self.lock(&mut tx, call_id).await?;
        match management.withdraw(attempt) {
            Ok(event) => self.write(tx, management, event.map(Into::into), trace).await.map(Ok),
            Err(reason) => Ok(Err(reason)),
        }
    }

    /// What is accepted.
    pub async fn places(&self) -> Result<Places, Error> {
        let row = query_as("SELECT served, call_limit FROM places").fetch_one(self.store.reader()).await?;
        places(row)
    }

    /// Replaces what is accepted.
    pub async fn replace_places(&self, Places { served, limit }: &Places) -> Result<(), Error> {
        let served = served.as_ref().map(serde_json::to_string).transpose();
        let served = served.map_err(|error| Error::Encode(error.into()))?;
        let values = [Argument::OptionalText(served.as_deref()), Argument::OptionalNumber(*limit)];
        let sql = "UPDATE places SET served = $1, call_limit = $2 WHERE id = 1";
        self.outbox.execute_and_publish(sql, &values, StagedEvents::default()).await.map(drop)
    }

    /// What is accepted. With a limit, the row is locked: of two calls at the same time only one counts the other.
    async fn places_in(&self, tx: &mut Tx) -> Result<Places, Error> {
        let sql = "SELECT served, call_limit FROM places WHERE id = 1";
        let read = places(query_as(sql).fetch_one(&mut **tx).await?)?;
        if read.limit.is_none() || self.store.dialect() == Dialect::Sqlite {
            return Ok(read);
        }
        let sql = "SELECT served, call_limit FROM places WHERE id = 1 FOR UPDATE";
        places(query_as(sql).fetch_one(&mut **tx).await?)
    }

    async fn open(&self, tx: &mut Tx) -> Result<i64, Error> {
        let sql = "SELECT COUNT(*) FROM cleanmanages WHERE state = 'accepted' AND progress IN ('waiting', 'assigned')";
        query_scalar(sql).fetch_one(&mut **tx).await
    }

    async fn lock(&self, tx: &mut Tx, call_id: i64) -> Result<Management, Error> {
        let rows: Vec<ManagementRow> =
            ManagementRow::TABLE.lock_or_insert(tx, self.store.dialect(), &[call_id]).await?;
        let known = rows.into_iter().next().map(Row::into_state).transpose()?;
        Ok(known.unwrap_or_else(|| Management::none(call_id)))
    }

    async fn write(
        &self,
        mut tx: Tx,
        management: Management,
        event: Option<CleanManageEvent>,
        trace: TraceContext,
    ) -> Result<(), Error> {
        let row = ManagementRow::from(management);
        ManagementRow::TABLE.update(&mut tx, self.store.dialect(), std::slice::from_ref(&row)).await?;
        let mut staged = StagedEvents::default();
        if let Some(event) = event {
            staged.count(ACCEPTED_TOTAL, u64::from(matches!(event, CleanManageEvent::CleanManaged(_))));
            self.outbox.stage(&mut staged, &event, Some(trace))?;
        }
        self.outbox.commit(tx, staged).await
    }
}

fn places((served, limit): (Option<String>, Option<i64>)) -> Result<Places, Error> {
    let served = served.map(|list| serde_json::from_str(&list)).transpose();
    Ok(Places { served: served.map_err(|error| Error::Decode(error.into()))?, limit })
}
