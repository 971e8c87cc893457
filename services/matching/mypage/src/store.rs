use ambient::Timestamp;
use chassis::Scope;
use match_contract::Step;
use mypage_domain::MyPage;
use serde::Serialize;
use sqlx::{AssertSqlSafe, FromRow};
use store::{Column, Page, Store, Table, Tx};

const TABLE: Table = Table {
    name: "my_pages",
    key: "id",
    columns: &[
        ("id", Column::Number),
        ("attempt", Column::Number),
        ("price", Column::Number),
        ("teacher", Column::Text),
        ("visit_date", Column::Text),
        ("match_requested_at", Column::Number),
        ("payment_approved_at", Column::Number),
        ("visit_assigned_at", Column::Number),
        ("match_canceled_at", Column::Number),
        ("payment_canceled_at", Column::Number),
        ("visit_canceled_at", Column::Number),
        ("student", Column::Text),
    ],
};

/// Keeps pages.
#[derive(Clone)]
pub struct MyPageStore {
    store: Store,
}

#[derive(Debug, FromRow, Serialize)]
struct Row {
    id: i64,
    attempt: i64,
    price: Option<i64>,
    teacher: Option<String>,
    visit_date: Option<String>,
    match_requested_at: Option<i64>,
    payment_approved_at: Option<i64>,
    visit_assigned_at: Option<i64>,
    match_canceled_at: Option<i64>,
    payment_canceled_at: Option<i64>,
    visit_canceled_at: Option<i64>,
    student: Option<String>,
}

impl MyPageStore {
    /// Pages in `store`.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone() }
    }

    /// Locks the pages of these matches; those of which nothing is known are made first.
    pub async fn lock(&self, tx: &mut Tx, ids: &[i64]) -> Result<Vec<MyPage>, sqlx::Error> {
        let rows: Vec<Row> = TABLE.lock_or_insert(tx, self.store.dialect(), ids).await?;
        Ok(rows.into_iter().map(Row::page).collect())
    }

    /// Writes pages that are locked.
    pub async fn write(&self, tx: &mut Tx, pages: Vec<MyPage>) -> Result<(), sqlx::Error> {
        let rows: Vec<Row> = pages.into_iter().map(Row::of).collect();
        TABLE.write(tx, self.store.dialect(), &rows).await
    }

    /// Empties the view.
    pub async fn clear(&self, tx: &mut Tx) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM my_pages").execute(&mut **tx).await.map(drop)
    }

    /// The page of a match, if it is in this scope.
    pub async fn find(&self, id: i64, scope: &Scope) -> Result<Option<MyPage>, sqlx::Error> {
        let row = TABLE.names();
        let query = sqlx::query_as(AssertSqlSafe(format!("SELECT {row} FROM my_pages WHERE id = $1")));
        let row: Option<Row> = query.bind(id).fetch_optional(self.store.reader()).await?;
        Ok(row.map(Row::page).filter(|page| scope.includes(page.student.as_deref())))
    }

    /// Pages in this scope after `after`, by match id.
    pub async fn page(&self, scope: &Scope, after: i64, size: i64) -> Result<Page<MyPage>, sqlx::Error> {
        let row = TABLE.names();
        let (whose, student) = match scope {
            Scope::All => ("", None),
            Scope::Own(student) => ("AND student = $3", Some(student)),
        };
        let sql = format!("SELECT {row} FROM my_pages WHERE id > $1 {whose} ORDER BY id LIMIT $2");
        let query = sqlx::query_as(AssertSqlSafe(sql)).bind(after).bind(Page::<Row>::look_ahead(size));
        let query = student.into_iter().fold(query, |query, student| query.bind(student.as_str()));
        Page::cut(query.fetch_all(self.store.reader()).await?, size, |row: Row| Ok(row.page()))
    }
}

impl Row {
    fn of(page: MyPage) -> Self {
        let at = |step: Step| page.happened[step as usize].map(Timestamp::as_micros);
        Self {
            id: page.id,
            attempt: page.attempt,
            price: page.price,
            match_requested_at: at(Step::MatchRequested),
            payment_approved_at: at(Step::PaymentApproved),
            visit_assigned_at: at(Step::VisitAssigned),
            match_canceled_at: at(Step::MatchCanceled),
            payment_canceled_at: at(Step::PaymentCanceled),
            visit_canceled_at: at(Step::VisitCanceled),
            student: page.student,
            teacher: page.teacher,
            visit_date: page.visit_date,
        }
    }

    fn page(self) -> MyPage {
        let happened = [
            self.match_requested_at,
            self.payment_approved_at,
            self.visit_assigned_at,
            self.match_canceled_at,
            self.payment_canceled_at,
            self.visit_canceled_at,
        ];
        MyPage {
            id: self.id,
            attempt: self.attempt,
            student: self.student,
            price: self.price,
            teacher: self.teacher,
            visit_date: self.visit_date,
            happened: happened.map(|at| at.map(Timestamp::from_micros)),
        }
    }
}
