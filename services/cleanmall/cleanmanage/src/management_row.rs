use ambient::Subject;
use cleanassign_contract::{Assignment, Progress};
use cleanmanage_domain::{Management, Request, State};
use store::Row;
use store::sqlx::Error;

/// A row of `cleanmanages`.
#[derive(Debug, Row)]
#[row(table = "cleanmanages", key = "call_id", owner = "customer", state = "Management")]
pub struct ManagementRow {
    call_id: i64,
    attempt: i64,
    location: Option<String>,
    tel: String,
    state: String,
    progress: String,
    cleaner: Option<String>,
    customer: Option<Subject>,
}

impl From<Management> for ManagementRow {
    fn from(management: Management) -> Self {
        let Management { call_id, attempt, request, state, assignment: Assignment { progress, cleaner } } = management;
        let Request { location, tel, customer } = request;
        let (state, progress) = (state.name().to_owned(), progress.name().to_owned());
        Self { call_id, attempt, location, tel, state, progress, cleaner, customer }
    }
}

impl TryFrom<ManagementRow> for Management {
    type Error = Error;

    fn try_from(row: ManagementRow) -> Result<Self, Error> {
        let ManagementRow { call_id, attempt, location, tel, state, progress, cleaner, customer } = row;
        let unknown =
            || Error::Decode(format!("state {state:?} and progress {progress:?} are no state of a call").into());
        let (state, progress) = State::named(&state).zip(Progress::named(&progress)).ok_or_else(unknown)?;
        let (request, assignment) = (Request { location, tel, customer }, Assignment { progress, cleaner });
        Ok(Self { call_id, attempt, request, state, assignment })
    }
}
