use ambient::Subject;
use context::saga::{Phase, SagaTable};
use match_contract::Step;
use match_domain::{Established, Match, MatchAttempt, MatchId, Price};
use sqlx::Error;
use store::Row;

/// A row of `matches`. `attempt` and `phase` belong to the saga, and so does the column `settle_at`.
#[derive(Debug, Row)]
#[row(table = "matches", key = "id", owner = "student", state = "Match")]
pub struct MatchRow {
    id: i64,
    attempt: i64,
    price: Price,
    phase: String,
    step: String,
    student: Option<Subject>,
}

/// The columns of the saga.
pub(crate) const TABLE: SagaTable = SagaTable {
    retry_at: "settle_at",
    step: None,
    compensating: "settling",
    // Another context may have reported a step before the reply of payment arrived.
    on_established: Some("step = CASE WHEN step = '' THEN 'matchRequested' ELSE step END"),
    // A void attempt has no owner.
    on_void: Some("student = NULL"),
    ..SagaTable::of(MatchRow::TABLE)
};

impl From<Match> for MatchRow {
    fn from(state: Match) -> Self {
        let (phase, step) = match &state {
            Match::Pending(_, reported) => (Phase::Pending, *reported),
            Match::Compensating(_) => (Phase::Compensating, None),
            Match::Void(_) => (Phase::Void, None),
            Match::Established(established) => (Phase::Established, Some(established.step)),
        };
        let (phase, step) = (TABLE.name_of(phase).to_owned(), step.map_or("", Step::name).to_owned());
        let MatchAttempt { id, number, price, student } = state.attempt().clone();
        Self { id: id.get(), attempt: number, price, phase, step, student }
    }
}

impl TryFrom<MatchRow> for Match {
    type Error = Error;

    fn try_from(row: MatchRow) -> Result<Self, Error> {
        let MatchRow { id, attempt: number, price, phase, step, student } = row;
        let id = MatchId::new(id).map_err(|error| Error::Decode(error.into()))?;
        let attempt = MatchAttempt { id, number, price, student };
        match (TABLE.phase_named(&phase), Step::named(&step)) {
            (Some(Phase::Pending), reported) => Ok(Self::Pending(attempt, reported)),
            (Some(Phase::Compensating), _) => Ok(Self::Compensating(attempt)),
            (Some(Phase::Void), _) => Ok(Self::Void(attempt)),
            (Some(Phase::Established), Some(step)) => Ok(Self::Established(Established { attempt, step })),
            _ => Err(Error::Decode(format!("phase {phase:?} and step {step:?} are no state of a match").into())),
        }
    }
}
