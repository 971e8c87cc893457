use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use ambient::Timestamp;
use chassis::Scope;
use events::TraceContext;
use match_contract::{Attempt, MatchEvent, MatchRequested, Step};
use match_domain::{Case, Established, Match, MatchId, Offer, Pending, Price, Student};
use messaging::{Argument, Outbox, Saying};
use serde::Serialize;
use sqlx::FromRow;
use store::idempotency::{self, Claim};
use store::{Column, Dialect, Page, Store, Table, Tx};

const ESTABLISHED: &str = "matches_established_total";
const CANCELED: &str = "matches_canceled_total";

const TABLE: Table = Table {
    name: "matches",
    key: "id",
    columns: &[
        ("id", Column::Number),
        ("attempt", Column::Number),
        ("price", Column::Number),
        ("phase", Column::Text),
        ("step", Column::Text),
        ("settle_at", Column::Number),
        ("student", Column::Text),
    ],
};

/// Keeps matches, and says what becomes of them in the same transactions.
///
/// A match that changes its phase is compared and changed in one statement: it must still be the attempt, in the phase,
/// that the change was decided on.
#[derive(Clone)]
pub struct MatchStore {
    store: Store,
    outbox: Outbox,
}

#[derive(Debug, FromRow, Serialize)]
struct Row {
    id: i64,
    attempt: i64,
    price: i64,
    phase: String,
    step: String,
    settle_at: i64,
    student: Option<String>,
}

impl MatchStore {
    /// Matches in `store`; `outbox` is the one of the same store.
    pub fn new(store: &Store, outbox: Outbox) -> Self {
        metrics::describe_counter!(ESTABLISHED, "Matches established: paid, and not cancelled then");
        metrics::describe_counter!(CANCELED, "Matches cancelled by their students");
        Self { store: store.clone(), outbox }
    }

    fn say(&self, saying: &mut Saying, event: &MatchEvent, trace: TraceContext) -> Result<(), sqlx::Error> {
        let counter = match event {
            MatchEvent::MatchRequested(_) => ESTABLISHED,
            MatchEvent::MatchCanceled(_) => CANCELED,
        };
        saying.count(counter, 1);
        self.outbox.say(saying, event, Some(trace))
    }

    /// Writes down that payment is about to be asked. `false` if the id is taken by anything but a void attempt.
    pub async fn begin(&self, case: &Case, settle_at: Timestamp) -> Result<bool, sqlx::Error> {
        let sql = "INSERT INTO matches (id, attempt, price, phase, step, settle_at, student) \
                   VALUES ($1, $2, $3, 'pending', '', $4, $5) \
                   ON CONFLICT (id) DO UPDATE SET attempt = excluded.attempt, price = excluded.price, phase = 'pending', step = '', \
                   settle_at = excluded.settle_at, student = excluded.student \
                   WHERE matches.phase = 'void' AND matches.attempt < excluded.attempt";
        let query = sqlx::query(sql).bind(case.id.get()).bind(case.attempt).bind(case.price.get());
        let query = query.bind(settle_at.as_micros()).bind(case.student.as_ref().map(Student::as_str));
        changed(query.execute(self.store.writer()).await)
    }

    /// Establishes a pending match and says so. `false` if the attempt is not pending any more: then nothing happens.
    pub async fn establish(
        &self,
        established: &Established,
        event: MatchRequested,
        trace: TraceContext,
    ) -> Result<bool, sqlx::Error> {
        let Case { id, attempt, .. } = &established.case;
        // What was heard while payment was asked is further than this.
        let sql = "UPDATE matches SET phase = 'established', step = CASE WHEN step = '' THEN $3 ELSE step END \
                   WHERE id = $1 AND attempt = $2 AND phase = 'pending'";
        let step = Argument::Text(established.step.name());
        let mut saying = Saying::default();
        self.say(&mut saying, &MatchEvent::MatchRequested(event), trace)?;
        self.outbox.change_and_say(sql, &[Argument::Number(id.get()), Argument::Number(*attempt), step], saying).await
    }

    /// Forgets a pending attempt for which no money was or will be taken.
    pub async fn forget(&self, case: &Case) -> Result<(), sqlx::Error> {
        let sql = "DELETE FROM matches WHERE id = $1 AND attempt = $2 AND phase = 'pending'";
        sqlx::query(sql).bind(case.id.get()).bind(case.attempt).execute(self.store.writer()).await.map(drop)
    }

    /// Gives a pending attempt up: from now on it is the recovery's, which may begin at once. `false` if it is not pending.
    pub async fn give_up(&self, case: &Case, now: Timestamp) -> Result<bool, sqlx::Error> {
        let sql = "UPDATE matches SET phase = 'settling', settle_at = $3 WHERE id = $1 AND attempt = $2 AND phase = 'pending'";
        let query = sqlx::query(sql).bind(case.id.get()).bind(case.attempt).bind(now.as_micros());
        changed(query.execute(self.store.writer()).await)
    }

    /// Takes over attempts that are due to be undone, oldest first. Another taker leaves them alone for `lease`.
    pub async fn take_over(&self, now: Timestamp, lease: Duration, most: i64) -> Result<Vec<Case>, sqlx::Error> {
        let row = TABLE.names();
        let unsettled = "phase IN ('pending', 'settling') AND settle_at <= $1";
        let sql = format!(
            "UPDATE matches SET phase = 'settling', settle_at = $2 WHERE {unsettled} AND id IN \
             (SELECT id FROM matches WHERE {unsettled} ORDER BY settle_at LIMIT $3) RETURNING {row}"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(now.as_micros());
        let rows: Vec<Row> = query.bind(now.plus(lease).as_micros()).bind(most).fetch_all(self.store.writer()).await?;
        rows.iter().map(Row::case).collect()
    }

    /// How many attempts are under way: asked for, and neither established nor undone.
    pub async fn pending(&self) -> Result<i64, sqlx::Error> {
        let sql = "SELECT COUNT(*) FROM matches WHERE phase IN ('pending', 'settling')";
        sqlx::query_scalar(sql).fetch_one(self.store.reader()).await
    }

    /// Marks a settling attempt as one that never was. Its id is nobody's again.
    pub async fn void(&self, case: &Case) -> Result<(), sqlx::Error> {
        let sql =
            "UPDATE matches SET phase = 'void', student = NULL WHERE id = $1 AND attempt = $2 AND phase = 'settling'";
        sqlx::query(sql).bind(case.id.get()).bind(case.attempt).execute(self.store.writer()).await.map(drop)
    }

    /// The match of that id, in whatever phase.
    pub async fn find(&self, id: MatchId) -> Result<Option<Match>, sqlx::Error> {
        let row = TABLE.names();
        let query = sqlx::query_as(sqlx::AssertSqlSafe(format!("SELECT {row} FROM matches WHERE id = $1")));
        let row: Option<Row> = query.bind(id.get()).fetch_optional(self.store.reader()).await?;
        row.map(|row| row.state()).transpose()
    }

    /// Established matches in this scope after `after`, by id.
    pub async fn page(&self, scope: &Scope, after: i64, size: i64) -> Result<Page<Established>, sqlx::Error> {
        let row = TABLE.names();
        let (whose, student) = match scope {
            Scope::All => ("", None),
            Scope::Own(student) => ("AND student = $3", Some(student)),
        };
        let sql =
            format!("SELECT {row} FROM matches WHERE id > $1 AND phase = 'established' {whose} ORDER BY id LIMIT $2");
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(after).bind(Page::<Row>::look_ahead(size));
        let query = student.into_iter().fold(query, |query, student| query.bind(student.as_str()));
        Page::cut(query.fetch_all(self.store.reader()).await?, size, |row: Row| row.established())
    }

    /// Changes one established match under its lock, and says what `change` returns. `None` if there is no such match, or it
    /// is another student's.
    pub async fn change(
        &self,
        id: MatchId,
        student: Option<&Student>,
        trace: TraceContext,
        change: impl FnOnce(&mut Established) -> Option<MatchEvent>,
    ) -> Result<Option<Established>, sqlx::Error> {
        let mut tx = self.store.begin().await?;
        let found = self.lock(&mut tx, &[id.get()]).await?.pop();
        let Some(mut established) = found.filter(|found| found.case.is_for(student)) else { return Ok(None) };
        let mut saying = Saying::default();
        if let Some(event) = change(&mut established) {
            self.write(&mut tx, std::slice::from_ref(&established)).await?;
            self.say(&mut saying, &event, trace)?;
        }
        self.outbox.commit(tx, saying).await?;
        Ok(Some(established))
    }

    /// Takes in what others have told: which match and attempt have come how far.
    pub async fn learn(&self, tx: &mut Tx, news: &[(i64, Attempt, Step)]) -> Result<(), sqlx::Error> {
        let ids: BTreeSet<i64> = news.iter().map(|(id, ..)| *id).collect();
        let mut rows: Vec<Row> = TABLE.lock(tx, self.dialect(), &Vec::from_iter(ids)).await?;
        for row in &mut rows {
            let mut state = row.state()?;
            news.iter().filter(|(id, ..)| *id == row.id).for_each(|(_, attempt, step)| state.learn(*attempt, *step));
            row.step = furthest(&state).map_or_else(String::new, |step| step.name().to_owned());
        }
        TABLE.write(tx, self.dialect(), &rows).await
    }

    /// Locks the established ones among these matches.
    async fn lock(&self, tx: &mut Tx, ids: &[i64]) -> Result<Vec<Established>, sqlx::Error> {
        let rows: Vec<Row> = TABLE.lock(tx, self.dialect(), ids).await?;
        rows.iter().filter(|row| row.phase == "established").map(Row::established).collect()
    }

    /// Writes matches that are locked.
    async fn write(&self, tx: &mut Tx, matches: &[Established]) -> Result<(), sqlx::Error> {
        let rows: Vec<Row> = matches.iter().map(Row::of).collect();
        TABLE.write(tx, self.dialect(), &rows).await
    }

    /// The id that belongs to an idempotency key: the proposed one, or the one that was given to the same key before.
    pub async fn claim(&self, key: &str, offer: &Offer, proposed: i64, now: Timestamp) -> Result<Claim, sqlx::Error> {
        idempotency::claim(&self.store, &own(key, offer), &offer.price.get().to_string(), proposed, now).await
    }

    /// What an idempotency key stands for, if it was used before.
    pub async fn claimed(&self, key: &str, offer: &Offer) -> Result<Option<Claim>, sqlx::Error> {
        idempotency::claimed(&self.store, &own(key, offer), &offer.price.get().to_string()).await
    }

    fn dialect(&self) -> Dialect {
        self.store.dialect()
    }
}

/// The idempotency key of this student, whom another student with the same key must not meet.
///
/// Neither keys nor students have a line break in them: where one ends and the other begins is never in doubt, and a key
/// that was given while the fleet ran open, which is stored as it came, is no student's.
fn own<'k>(key: &'k str, offer: &Offer) -> Cow<'k, str> {
    offer.student.as_ref().map_or(Cow::Borrowed(key), |student| format!("{key}\n{}", student.as_str()).into())
}

fn changed(outcome: Result<sqlx::any::AnyQueryResult, sqlx::Error>) -> Result<bool, sqlx::Error> {
    outcome.map(|result| result.rows_affected() > 0)
}

impl Row {
    fn of(established: &Established) -> Self {
        let Established { case, step } = established;
        Self {
            id: case.id.get(),
            attempt: case.attempt,
            price: case.price.get(),
            phase: "established".to_owned(),
            step: step.name().to_owned(),
            settle_at: 0,
            student: case.student.as_ref().map(|student| student.as_str().to_owned()),
        }
    }

    fn case(&self) -> Result<Case, sqlx::Error> {
        let id = MatchId::new(self.id).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let price = Price::new(self.price).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let student = self.student.as_ref().map(Student::new).transpose();
        let student = student.map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Case { id, attempt: self.attempt, price, student })
    }

    fn established(&self) -> Result<Established, sqlx::Error> {
        let step = Step::named(&self.step).ok_or_else(|| unreadable("step", &self.step))?;
        Ok(Established { case: self.case()?, step })
    }

    fn state(&self) -> Result<Match, sqlx::Error> {
        Ok(match self.phase.as_str() {
            "pending" => Match::Pending(Pending { case: self.case()?, heard: Step::named(&self.step) }),
            "settling" => Match::Settling(self.case()?),
            "void" => Match::Void(self.case()?),
            "established" => Match::Established(self.established()?),
            other => return Err(unreadable("phase", other)),
        })
    }
}

/// How far a match has come, as far as it matters.
fn furthest(state: &Match) -> Option<Step> {
    match state {
        Match::Pending(pending) => pending.heard,
        Match::Established(established) => Some(established.step),
        Match::Settling(_) | Match::Void(_) => None,
    }
}

fn unreadable(column: &str, value: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{column} is {value:?}").into())
}
