use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use testkit::{Answer, Fleet, eventually};

use crate::People;

/// What a student was told about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There is a match, and it is paid.
    Established,
    /// There is none.
    Refused,
    /// The connection broke: anything may have happened.
    Unknown,
}

impl Outcome {
    /// What an answer tells, or that there was none.
    pub fn of(answer: &Result<Answer>) -> Self {
        match answer {
            Ok(answer) if matches!(answer.status, 200 | 201) => Self::Established,
            // The gateway's: the service did not answer it.
            Ok(answer) if matches!(answer.status, 502 | 504) => Self::Unknown,
            Ok(_) => Self::Refused,
            Err(_) => Self::Unknown,
        }
    }
}

/// All that all contexts show, once nothing is under way any more.
pub struct Audit {
    matches: BTreeSet<i64>,
    payments: BTreeMap<i64, Value>,
    listed: BTreeSet<i64>,
    pages: BTreeMap<i64, Value>,
}

impl Audit {
    /// Waits until no match is undecided and no event is under way, and looks at everything.
    pub async fn of(fleet: &Fleet, limit: Duration) -> Result<Self> {
        Self::decided(fleet, limit).await?;
        fleet.settled(limit).await?;
        let people = People::of(fleet)?;
        Ok(Self {
            matches: people.all("/matches", "matches").await?.into_keys().collect(),
            payments: people.all("/payments", "payments").await?,
            listed: people.listed().await?.into_keys().collect(),
            pages: people.all("/myPages", "myPages").await?,
        })
    }

    /// Waits until the outcome of every request is known to the match context.
    pub async fn decided(fleet: &Fleet, limit: Duration) -> Result<()> {
        let sql = "SELECT COUNT(*) FROM matches WHERE phase IN ('pending', 'settling')";
        eventually(limit, "every match is decided", async || {
            let undecided = fleet.number("match", sql).await?;
            ensure!(undecided == 0, "{undecided} are not");
            Ok(())
        })
        .await
    }

    /// What must hold if nothing was assigned or cancelled: matches, approved payments and visit requests are the same,
    /// and each student was told the truth.
    pub fn holds(&self, told: &BTreeMap<i64, Outcome>) -> Result<()> {
        for (id, outcome) in told {
            let established = self.matches.contains(id);
            let wrong = if established { Outcome::Refused } else { Outcome::Established };
            ensure!(*outcome != wrong, "match {id}: the student was told {outcome:?}");
        }
        let approved = |payment: &&Value| payment["paymentAction"] == "Approved";
        let paid: BTreeSet<i64> = self.payments.values().filter(approved).filter_map(|p| p["id"].as_i64()).collect();
        same("matches", &self.matches, "approved payments", &paid)?;
        same("matches", &self.matches, "visit requests", &self.listed)?;
        for (id, page) in &self.pages {
            let expected = if self.matches.contains(id) { "paymentApproved" } else { "paymentCanceled" };
            ensure!(page["status"] == expected, "page {id} is {page}");
        }
        let pages: BTreeSet<i64> = self.pages.keys().copied().collect();
        let without: Vec<_> = self.matches.difference(&pages).collect();
        ensure!(without.is_empty(), "matches without a page: {without:?}");
        Ok(())
    }

    /// How many matches there are.
    pub fn matches(&self) -> usize {
        self.matches.len()
    }
}

fn same(one: &str, left: &BTreeSet<i64>, other: &str, right: &BTreeSet<i64>) -> Result<()> {
    let some = |set: Vec<&i64>| set.into_iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (missing, more) = (left.difference(right).collect::<Vec<_>>(), right.difference(left).collect::<Vec<_>>());
    let (missing, more) = ((missing.len(), some(missing)), (more.len(), some(more)));
    ensure!(
        missing.0 == 0 && more.0 == 0,
        "{} {one}, {} {other}; {} missing ({} …), {} too many ({} …)",
        left.len(),
        right.len(),
        missing.0,
        missing.1,
        more.0,
        more.1
    );
    Ok(())
}
