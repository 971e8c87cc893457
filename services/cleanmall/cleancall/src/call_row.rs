use ambient::{Positive, Subject};
use cleanassign_contract::{Assignment, Progress};
use cleancall_domain::{Attempt, Call, Established, Request, Telephone};
use context::saga::{Phase, SagaTable};
use sqlx::Error;
use store::Row;

/// A row of `cleancalls`. `attempt` and `phase` belong to the saga, and so do the columns `step` and `retry_at`.
#[derive(Row)]
#[row(table = "cleancalls", key = "call_id", owner = "customer", state = "Call")]
pub struct CallRow {
    call_id: i64,
    attempt: i64,
    tel: String,
    location: Option<String>,
    cost: Option<Positive>,
    phase: String,
    progress: String,
    cleaner: Option<String>,
    canceled: bool,
    customer: Option<Subject>,
}

/// The columns of the saga.
pub(crate) const TABLE: SagaTable = SagaTable {
    // A void attempt has no owner, and the telephone number is needed no more.
    on_void: Some("customer = NULL, tel = '0000000'"),
    ..SagaTable::of(CallRow::TABLE)
};

impl From<Call> for CallRow {
    fn from(state: Call) -> Self {
        let (phase, assignment, canceled) = match &state {
            Call::Pending(_, assignment) => (Phase::Pending, assignment.clone(), false),
            Call::Compensating(_) => (Phase::Compensating, Assignment::default(), false),
            Call::Void(_) => (Phase::Void, Assignment::default(), false),
            Call::Established(it) => (Phase::Established, it.assignment.clone(), it.canceled),
        };
        let Attempt { id, number: attempt, request: Request { tel, location, cost }, customer } =
            state.attempt().clone();
        let Assignment { progress, cleaner } = assignment;
        let [phase, progress, tel] = [TABLE.name_of(phase), progress.name(), tel.as_str()].map(str::to_owned);
        Self { call_id: id.get(), attempt, tel, location, cost, phase, progress, cleaner, canceled, customer }
    }
}

impl TryFrom<CallRow> for Call {
    type Error = Error;

    fn try_from(row: CallRow) -> Result<Self, Error> {
        let CallRow { call_id, attempt, tel, location, cost, phase, progress, cleaner, canceled, customer } = row;
        let id = Positive::new(call_id).map_err(|error| Error::Decode(error.into()))?;
        let tel = Telephone::new(tel).map_err(|error| Error::Decode(error.into()))?;
        let unknown = || Error::Decode(format!("{progress:?} is no progress of a call").into());
        let assignment = Assignment { progress: Progress::named(&progress).ok_or_else(unknown)?, cleaner };
        let attempt = Attempt { id, number: attempt, request: Request { tel, location, cost }, customer };
        match TABLE.phase_named(&phase) {
            Some(Phase::Pending) => Ok(Self::Pending(attempt, assignment)),
            Some(Phase::Compensating) => Ok(Self::Compensating(attempt)),
            Some(Phase::Void) => Ok(Self::Void(attempt)),
            Some(Phase::Established) => Ok(Self::Established(Established { attempt, assignment, canceled })),
            _ => Err(Error::Decode(format!("{phase:?} is no phase of a call").into())),
        }
    }
}
