use std::sync::Arc;

use ambient::{Clock, Timestamp};
use chassis::Scope;
use events::TraceContext;
use messaging::{Outbox, Saying};
use serde::Serialize;
use sqlx::{AssertSqlSafe, FromRow};
use store::{Column, Page, Store, Table, Tx};
use visit_contract::{VisitAssigned, VisitEvent};
use visit_domain::{Case, Paid, Refusal, Tutor, Visit};

const PAID_TO_ASSIGNED: &str = "paid_to_assigned_lead_seconds";

const TABLE: Table = Table {
    name: "cases",
    key: "match_id",
    columns: &[
        ("match_id", Column::Number),
        ("attempt", Column::Number),
        ("price", Column::Number),
        ("paid_since", Column::Number),
        ("canceled", Column::Number),
        ("teacher", Column::Text),
        ("visit_date", Column::Text),
        ("is_open", Column::Number),
        ("tutor", Column::Text),
    ],
};

/// Keeps what is known of each match, and says what becomes of visits in the same transactions.
#[derive(Clone)]
pub struct VisitStore {
    store: Store,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, FromRow, Serialize)]
struct Row {
    match_id: i64,
    attempt: i64,
    price: Option<i64>,
    paid_since: Option<i64>,
    canceled: i64,
    teacher: Option<String>,
    visit_date: Option<String>,
    is_open: i64,
    tutor: Option<String>,
}

impl VisitStore {
    /// Cases in `store`; `outbox` is the one of the same store.
    pub fn new(store: &Store, outbox: Outbox, clock: Arc<dyn Clock>) -> Self {
        metrics::describe_histogram!(PAID_TO_ASSIGNED, "Time from the payment of a match until a tutor has taken it");
        Self { store: store.clone(), outbox, clock }
    }

    /// A tutor confirms the request of a match.
    pub async fn assign(
        &self,
        match_id: i64,
        visit: Visit,
        trace: TraceContext,
    ) -> Result<Result<VisitAssigned, Refusal>, sqlx::Error> {
        let mut tx = self.store.begin().await?;
        let rows: Vec<Row> = TABLE.lock(&mut tx, self.store.dialect(), &[match_id]).await?;
        let mut case = rows.first().map_or_else(|| Ok(Case::unknown(match_id)), Row::case)?;
        let event = match case.assign(visit) {
            Ok(event) => event,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let waited = case.paid.map(|paid| self.clock.now().since(paid.since));
        self.write(&mut tx, &[case]).await?;
        let mut saying = Saying::default();
        self.outbox.say(&mut saying, &VisitEvent::VisitAssigned(event.clone()), Some(trace))?;
        self.outbox.commit(tx, saying).await?;
        if let Some(waited) = waited {
            metrics::histogram!(PAID_TO_ASSIGNED).record(waited);
        }
        Ok(Ok(event))
    }

    /// Locks the cases of these matches; those of which nothing is known are made first.
    pub async fn lock(&self, tx: &mut Tx, ids: &[i64]) -> Result<Vec<Case>, sqlx::Error> {
        let rows: Vec<Row> = TABLE.lock_or_insert(tx, self.store.dialect(), ids).await?;
        rows.iter().map(Row::case).collect()
    }

    /// Writes cases that are locked.
    pub async fn write(&self, tx: &mut Tx, cases: &[Case]) -> Result<(), sqlx::Error> {
        let rows: Vec<Row> = cases.iter().map(Row::of).collect();
        TABLE.write(tx, self.store.dialect(), &rows).await
    }

    /// The case of a match whose visit was assigned, if that is in this scope.
    pub async fn find_visit(&self, match_id: i64, scope: &Scope) -> Result<Option<Case>, sqlx::Error> {
        let row = TABLE.names();
        let sql = format!("SELECT {row} FROM cases WHERE match_id = $1 AND teacher IS NOT NULL");
        let query = sqlx::query_as(AssertSqlSafe(sql)).bind(match_id);
        let row: Option<Row> = query.fetch_optional(self.store.reader()).await?;
        row.filter(|row| scope.includes(row.tutor.as_deref())).map(|row| row.case()).transpose()
    }

    /// Cases in this scope whose visit was assigned, after `after`, by match id.
    pub async fn visits(&self, scope: &Scope, after: i64, size: i64) -> Result<Page<Case>, sqlx::Error> {
        let row = TABLE.names();
        let (whose, tutor) = match scope {
            Scope::All => ("", None),
            Scope::Own(tutor) => ("AND tutor = $3", Some(tutor)),
        };
        let sql = format!(
            "SELECT {row} FROM cases WHERE teacher IS NOT NULL AND match_id > $1 {whose} ORDER BY match_id LIMIT $2"
        );
        let query = sqlx::query_as(AssertSqlSafe(sql)).bind(after).bind(Page::<Row>::look_ahead(size));
        let query = tutor.into_iter().fold(query, |query, tutor| query.bind(tutor.as_str()));
        Page::cut(query.fetch_all(self.store.reader()).await?, size, |row: Row| row.case())
    }

    /// Open visit requests after the one that was paid then, oldest first.
    pub async fn requests(&self, [since, match_id]: [i64; 2], size: i64) -> Result<Page<Case>, sqlx::Error> {
        let row = TABLE.names();
        let sql = format!(
            "SELECT {row} FROM cases WHERE is_open = 1 AND (paid_since, match_id) > ($1, $2) \
             ORDER BY paid_since, match_id LIMIT $3"
        );
        let query = sqlx::query_as(AssertSqlSafe(sql)).bind(since).bind(match_id).bind(Page::<Row>::look_ahead(size));
        Page::cut(query.fetch_all(self.store.reader()).await?, size, |row: Row| row.case())
    }
}

impl Row {
    fn of(case: &Case) -> Self {
        Self {
            match_id: case.match_id,
            attempt: case.attempt,
            price: case.paid.map(|paid| paid.price),
            paid_since: case.paid.map(|paid| paid.since.as_micros()),
            canceled: case.canceled.into(),
            teacher: case.visit.as_ref().map(|visit| visit.teacher.clone()),
            visit_date: case.visit.as_ref().map(|visit| visit.date.to_string()),
            is_open: case.is_open().into(),
            tutor: case.visit.as_ref().and_then(|visit| Some(visit.tutor.as_ref()?.as_str().to_owned())),
        }
    }

    fn case(&self) -> Result<Case, sqlx::Error> {
        let paid = self.price.zip(self.paid_since);
        let visit = match (&self.teacher, &self.visit_date) {
            (Some(teacher), Some(date)) => {
                let date = date.parse().map_err(|error: visit_domain::WrongDate| sqlx::Error::Decode(error.into()))?;
                let tutor = self.tutor.as_ref().map(Tutor::new).transpose();
                let tutor = tutor.map_err(|error| sqlx::Error::Decode(error.into()))?;
                Some(Visit { tutor, teacher: teacher.clone(), date })
            }
            _ => None,
        };
        Ok(Case {
            match_id: self.match_id,
            attempt: self.attempt,
            paid: paid.map(|(price, since)| Paid { price, since: Timestamp::from_micros(since) }),
            canceled: self.canceled != 0,
            visit,
        })
    }
}
