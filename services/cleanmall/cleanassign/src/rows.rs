use ambient::Timestamp;
use cleanassign_domain::{Assignee, Assignment, Cleaner, Name, State};
use store::Row;
use store::sqlx::Error;

/// A row of `cleanassigns`.
#[derive(Debug, Row)]
#[row(table = "cleanassigns", key = "call_id", state = "Assignment")]
pub struct AssignmentRow {
    call_id: i64,
    attempt: i64,
    location: Option<String>,
    since: Timestamp,
    state: String,
    cleaner_id: Option<i64>,
    cleaner: Option<String>,
}

/// A row of `cleaners`.
#[derive(Debug, Row)]
#[row(table = "cleaners", key = "cleaner_id", state = "Cleaner")]
pub struct CleanerRow {
    cleaner_id: i64,
    name: String,
    location: Option<String>,
    idle_since: Timestamp,
    call_id: Option<i64>,
}

/// The names of the states, in the table and over HTTP.
pub(crate) const STATES: [&str; 4] = ["waiting", "assigned", "finished", "canceled"];

/// The name of a state.
pub(crate) const fn name_of(state: &State) -> &'static str {
    let [waiting, assigned, finished, canceled] = STATES;
    match state {
        State::Waiting => waiting,
        State::Assigned(_) => assigned,
        State::Finished(_) => finished,
        State::Canceled(_) => canceled,
    }
}

impl From<Assignment> for AssignmentRow {
    fn from(assignment: Assignment) -> Self {
        let assignee = assignment.assignee().cloned();
        let (cleaner_id, cleaner) = assignee.map(|assignee| (assignee.id, String::from(assignee.name))).unzip();
        let state = name_of(&assignment.state).to_owned();
        let Assignment { call_id, attempt, location, since, .. } = assignment;
        Self { call_id, attempt, location, since, state, cleaner_id, cleaner }
    }
}

impl TryFrom<AssignmentRow> for Assignment {
    type Error = Error;

    fn try_from(row: AssignmentRow) -> Result<Self, Error> {
        let AssignmentRow { call_id, attempt, location, since, state, cleaner_id, cleaner } = row;
        let name = cleaner.map(Name::new).transpose().map_err(|error| Error::Decode(error.into()))?;
        let assignee = cleaner_id.zip(name).map(|(id, name)| Assignee { id, name });
        let state = match (state.as_str(), assignee) {
            ("waiting", None) => State::Waiting,
            ("assigned", Some(assignee)) => State::Assigned(assignee),
            ("finished", Some(assignee)) => State::Finished(assignee),
            ("canceled", assignee) => State::Canceled(assignee),
            other => return Err(Error::Decode(format!("{other:?} is no state of an assignment").into())),
        };
        Ok(Self { call_id, attempt, location, since, state })
    }
}

impl From<Cleaner> for CleanerRow {
    fn from(Cleaner { id, name, location, idle_since, call_id }: Cleaner) -> Self {
        Self { cleaner_id: id, name: name.into(), location, idle_since, call_id }
    }
}

impl TryFrom<CleanerRow> for Cleaner {
    type Error = Error;

    fn try_from(row: CleanerRow) -> Result<Self, Error> {
        let CleanerRow { cleaner_id: id, name, location, idle_since, call_id } = row;
        let name = Name::new(name).map_err(|error| Error::Decode(error.into()))?;
        Ok(Self { id, name, location, idle_since, call_id })
    }
}
