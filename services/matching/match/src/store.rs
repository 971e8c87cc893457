use std::borrow::Cow;
use std::collections::BTreeSet;

use ambient::{Subject, Timestamp};
use chassis::Scope;
use events::TraceContext;
use match_contract::{Attempt, MatchEvent, Step};
use match_domain::{Established, Match, MatchAttempt, MatchId, Offer, Price};
use messaging::{Outbox, StagedEvents};
use store::idempotency::{self, Claim};
use store::{Page, Row, Store, Tx};

const CANCELED: &str = "matches_canceled_total";

/// Stores matches, and publishes what becomes of established ones. Their phases change in the saga.
#[derive(Clone)]
pub struct MatchStore {
    store: Store,
    outbox: Outbox,
}

/// A row. The columns `attempt`, `phase` and `settle_at` belong to the saga.
#[derive(Debug, Row)]
#[row(table = "matches", key = "id")]
pub(crate) struct MatchRow {
    id: i64,
    attempt: i64,
    price: i64,
    phase: String,
    step: String,
    settle_at: i64,
    student: Option<Subject>,
}

impl MatchStore {
    /// Matches in `store`; `outbox` is that of the same store.
    pub fn new(store: &Store, outbox: Outbox) -> Self {
        metrics::describe_counter!(CANCELED, "Matches cancelled by their students");
        Self { store: store.clone(), outbox }
    }

    /// The match of that id, in any phase.
    pub async fn find(&self, id: MatchId) -> Result<Option<Match>, sqlx::Error> {
        let sql = format!("SELECT {} FROM matches WHERE id = $1", MatchRow::TABLE.names());
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id.get());
        let row: Option<MatchRow> = query.fetch_optional(self.store.reader()).await?;
        row.map(|row| row.state()).transpose()
    }

    /// Established matches in this scope after `after`, by id.
    pub async fn page(&self, scope: &Scope, after: i64, size: i64) -> Result<Page<Established>, sqlx::Error> {
        let (owner, student) = match scope {
            Scope::All => ("", None),
            Scope::Own(student) => ("AND student = $3", Some(student)),
        };
        let sql = format!(
            "SELECT {} FROM matches WHERE id > $1 AND phase = 'established' {owner} ORDER BY id LIMIT $2",
            MatchRow::TABLE.names()
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(after).bind(Page::<MatchRow>::look_ahead(size));
        let query = student.into_iter().fold(query, |query, student| query.bind(student.as_str()));
        Page::cut(query.fetch_all(self.store.reader()).await?, size, |row: MatchRow| row.established())
    }

    /// Changes an established match under its lock, and publishes the event that `change` returns. `None` if there is no
    /// such match, or if it belongs to another student.
    pub async fn change(
        &self,
        id: MatchId,
        student: Option<&Subject>,
        trace: TraceContext,
        change: impl FnOnce(&mut Established) -> Option<MatchEvent>,
    ) -> Result<Option<Established>, sqlx::Error> {
        let mut tx = self.store.begin().await?;
        let row: Option<MatchRow> = MatchRow::TABLE.lock(&mut tx, self.store.dialect(), &[id.get()]).await?.pop();
        let Some(mut row) = row.filter(|row| row.phase == "established") else { return Ok(None) };
        let mut established = row.established()?;
        if !established.attempt.is_visible_to(student) {
            return Ok(None);
        }
        let mut staged = StagedEvents::default();
        if let Some(event) = change(&mut established) {
            established.step.name().clone_into(&mut row.step);
            MatchRow::TABLE.write(&mut tx, self.store.dialect(), &[row]).await?;
            staged.count(CANCELED, 1);
            self.outbox.stage(&mut staged, &event, Some(trace))?;
        }
        self.outbox.commit(tx, staged).await?;
        Ok(Some(established))
    }

    /// Applies steps of matches and attempts that other contexts report.
    pub async fn apply(&self, tx: &mut Tx, reported: &[(i64, Attempt, Step)]) -> Result<(), sqlx::Error> {
        let ids: BTreeSet<i64> = reported.iter().map(|(id, ..)| *id).collect();
        let mut rows: Vec<MatchRow> = MatchRow::TABLE.lock(tx, self.store.dialect(), &Vec::from_iter(ids)).await?;
        for row in &mut rows {
            let mut state = row.state()?;
            let of_row = reported.iter().filter(|(id, ..)| *id == row.id);
            of_row.for_each(|(_, attempt, step)| state.apply(*attempt, *step));
            row.step = state.step().map_or_else(String::new, |step| step.name().to_owned());
        }
        MatchRow::TABLE.write(tx, self.store.dialect(), &rows).await
    }

    /// The id that belongs to an idempotency key: the proposed one, or that of the same request before.
    pub async fn claim(
        &self,
        key: &str,
        id: Option<MatchId>,
        offer: &Offer,
        proposed: MatchId,
        now: Timestamp,
    ) -> Result<Claim, sqlx::Error> {
        idempotency::claim(&self.store, &scoped(key, offer), &content(id, offer), proposed.get(), now).await
    }

    /// The id that belongs to an idempotency key, if it was used before.
    pub async fn claimed(&self, key: &str, id: Option<MatchId>, offer: &Offer) -> Result<Option<Claim>, sqlx::Error> {
        idempotency::claimed(&self.store, &scoped(key, offer), &content(id, offer)).await
    }
}

/// The idempotency key in the scope of its student.
///
/// Neither keys nor names of students contain a line break. A key that was used while authentication was disabled is
/// stored without a student.
fn scoped<'k>(key: &'k str, offer: &Offer) -> Cow<'k, str> {
    offer.student.as_ref().map_or(Cow::Borrowed(key), |student| format!("{key}\n{}", student.as_str()).into())
}

/// The request that an idempotency key stands for, in one form. Without an id it is the price alone: keys that were
/// stored before requests with an id could have one are read too.
fn content(id: Option<MatchId>, offer: &Offer) -> String {
    let price = offer.price.get();
    id.map_or_else(|| price.to_string(), |id| format!("{price} as {}", id.get()))
}

impl MatchRow {
    pub(crate) fn attempt(&self) -> Result<MatchAttempt, sqlx::Error> {
        let id = MatchId::new(self.id).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let price = Price::new(self.price).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(MatchAttempt { id, number: self.attempt, price, student: self.student.clone() })
    }

    fn established(&self) -> Result<Established, sqlx::Error> {
        let step = Step::named(&self.step).ok_or_else(|| unreadable("step", &self.step))?;
        Ok(Established { attempt: self.attempt()?, step })
    }

    fn state(&self) -> Result<Match, sqlx::Error> {
        Ok(match self.phase.as_str() {
            "pending" => Match::Pending(self.attempt()?, Step::named(&self.step)),
            "settling" => Match::Compensating(self.attempt()?),
            "void" => Match::Void(self.attempt()?),
            "established" => Match::Established(self.established()?),
            other => return Err(unreadable("phase", other)),
        })
    }
}

fn unreadable(column: &str, value: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{column} is {value:?}").into())
}
