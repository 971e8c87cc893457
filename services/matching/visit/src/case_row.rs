use ambient::{Subject, Timestamp};
use store::Row;
use store::sqlx::Error;
use visit_domain::{Case, Paid, Visit, WrongDate};

/// A row of `cases`.
#[derive(Debug, Row)]
#[row(table = "cases", key = "match_id", owner = "tutor", state = "Case")]
pub struct CaseRow {
    match_id: i64,
    attempt: i64,
    price: Option<i64>,
    paid_since: Option<Timestamp>,
    canceled: bool,
    teacher: Option<String>,
    visit_date: Option<String>,
    /// For the index of the open requests.
    is_open: bool,
    tutor: Option<Subject>,
}

impl From<Case> for CaseRow {
    fn from(case: Case) -> Self {
        let is_open = case.is_open();
        let Case { match_id, attempt, paid, canceled, visit } = case;
        let (price, paid_since) = paid.map(|paid| (paid.price, paid.since)).unzip();
        let tutor = visit.as_ref().and_then(|visit| visit.tutor.clone());
        let (teacher, visit_date) = visit.map(|visit| (visit.teacher, visit.date.to_string())).unzip();
        Self { match_id, attempt, price, paid_since, canceled, teacher, visit_date, is_open, tutor }
    }
}

impl TryFrom<CaseRow> for Case {
    type Error = Error;

    fn try_from(row: CaseRow) -> Result<Self, Error> {
        let date = row.visit_date.map(|date| date.parse()).transpose();
        let date = date.map_err(|error: WrongDate| Error::Decode(error.into()))?;
        let visit = row.teacher.zip(date).map(|(teacher, date)| Visit { tutor: row.tutor, teacher, date });
        let paid = row.price.zip(row.paid_since).map(|(price, since)| Paid { price, since });
        Ok(Self { match_id: row.match_id, attempt: row.attempt, paid, canceled: row.canceled, visit })
    }
}
