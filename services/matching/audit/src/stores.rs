use std::collections::BTreeMap;

use audit::{Source, StoreError, Waiting};
use match_contract::Step;
use sqlx::FromRow;

/// What the contexts have kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stores {
    /// Of match, by match id.
    pub matches: BTreeMap<i64, MatchRow>,
    /// Of payment, by match id.
    pub payments: BTreeMap<i64, PaymentRow>,
    /// Of payment: what the provider has not given back yet.
    pub refunds_due: Vec<RefundDue>,
    /// Of visit, by match id.
    pub cases: BTreeMap<i64, CaseRow>,
    /// Of mypage, by match id.
    pub pages: BTreeMap<i64, PageRow>,
    /// What waits in the outbox of each context.
    pub outboxes: BTreeMap<String, Vec<Waiting>>,
}

/// A row of `matches`.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct MatchRow {
    /// The match.
    pub id: i64,
    /// The latest attempt at it.
    pub attempt: i64,
    /// What the student pays.
    pub price: i64,
    /// `pending`, `settling`, `void` or `established`.
    pub phase: String,
    /// Once established, the furthest step that is known.
    pub step: String,
    /// Who has asked, unless the fleet ran open.
    pub student: Option<String>,
}

/// A row of `payments`.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PaymentRow {
    /// The match.
    pub match_id: i64,
    /// The latest attempt at it that is known.
    pub attempt: i64,
    /// How much.
    pub price: i64,
    /// `Approved`, `Canceled` or `Void`.
    pub state: String,
}

/// A row of `refunds_due`.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct RefundDue {
    /// The match.
    pub match_id: i64,
    /// The attempt at it.
    pub attempt: i64,
    /// How much.
    pub price: i64,
}

/// A row of visit's `cases`.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct CaseRow {
    /// The match.
    pub match_id: i64,
    /// The latest attempt at it that is known.
    pub attempt: i64,
    /// What was paid.
    pub price: Option<i64>,
    /// When it was paid, in microseconds since 1970.
    pub paid_since: Option<i64>,
    /// 1 if the match or its payment is cancelled.
    pub canceled: i64,
    /// The tutor's name.
    pub teacher: Option<String>,
    /// The day of the visit.
    pub visit_date: Option<String>,
    /// 1 while it is in the list of visit requests.
    pub is_open: i64,
}

/// A row of `my_pages`. Times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PageRow {
    /// The match.
    pub id: i64,
    /// The latest attempt at it that is known.
    pub attempt: i64,
    /// What the student pays.
    pub price: Option<i64>,
    /// The tutor's name.
    pub teacher: Option<String>,
    /// The day of the visit.
    pub visit_date: Option<String>,
    /// When the match was requested.
    pub match_requested_at: Option<i64>,
    /// When the payment was approved.
    pub payment_approved_at: Option<i64>,
    /// When the visit was assigned.
    pub visit_assigned_at: Option<i64>,
    /// When the match was cancelled.
    pub match_canceled_at: Option<i64>,
    /// When the payment was cancelled.
    pub payment_canceled_at: Option<i64>,
    /// When the visit was cancelled.
    pub visit_canceled_at: Option<i64>,
    /// Whose page it is, if that is known.
    pub student: Option<String>,
}

impl Stores {
    /// Reads the stores of all contexts, given their URLs.
    pub async fn read(urls: &BTreeMap<String, String>) -> Result<Self, StoreError> {
        let mut stores = Self::default();
        let mut matches = open(urls, "match").await?;
        let rows = matches.rows::<MatchRow>("SELECT id, attempt, price, phase, step, student FROM matches").await?;
        stores.matches = rows.into_iter().map(|row| (row.id, row)).collect();
        let mut payments = open(urls, "payment").await?;
        let rows = payments.rows::<PaymentRow>("SELECT match_id, attempt, price, state FROM payments").await?;
        stores.payments = rows.into_iter().map(|row| (row.match_id, row)).collect();
        stores.refunds_due = payments.rows("SELECT match_id, attempt, price FROM refunds_due").await?;
        let mut visits = open(urls, "visit").await?;
        let cases = "SELECT match_id, attempt, price, paid_since, canceled, teacher, visit_date, is_open FROM cases";
        let rows = visits.rows::<CaseRow>(cases).await?;
        stores.cases = rows.into_iter().map(|row| (row.match_id, row)).collect();
        let mut pages = open(urls, "mypage").await?;
        let all_pages = "SELECT id, attempt, price, teacher, visit_date, match_requested_at, payment_approved_at, \
                         visit_assigned_at, match_canceled_at, payment_canceled_at, visit_canceled_at, student FROM my_pages";
        let rows = pages.rows::<PageRow>(all_pages).await?;
        stores.pages = rows.into_iter().map(|row| (row.id, row)).collect();
        for (context, store) in
            [("match", &mut matches), ("payment", &mut payments), ("visit", &mut visits), ("mypage", &mut pages)]
        {
            stores.outboxes.insert(context.to_owned(), store.waiting().await?);
        }
        Ok(stores)
    }
}

async fn open(urls: &BTreeMap<String, String>, context: &str) -> Result<Source, StoreError> {
    let url = urls.get(context).ok_or_else(|| StoreError::Unknown(context.to_owned()))?;
    Source::open(context, url).await
}

impl MatchRow {
    /// Whether it is paid and seen by all.
    pub(crate) fn is_established(&self) -> bool {
        self.phase == "established"
    }

    /// Whether the student has cancelled it.
    pub(crate) fn is_canceled(&self) -> bool {
        self.is_established() && Step::named(&self.step) >= Some(Step::MatchCanceled)
    }
}

impl PaymentRow {
    pub(crate) fn is_approved(&self) -> bool {
        self.state == "Approved"
    }

    pub(crate) fn is_canceled(&self) -> bool {
        self.state == "Canceled"
    }
}

impl CaseRow {
    /// Whether a tutor would come.
    pub(crate) const fn is_assigned(&self) -> bool {
        self.teacher.is_some() && self.canceled == 0
    }
}
