use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use audit::Operation;
use matching_proof::{FLEET, REQUEST};
use testkit::{ApiResponse, Fleet};

use crate::PRICE;

/// The outcome of a request, as its response determines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There is a match, and it is paid.
    Established,
    /// There is none.
    Refused,
    /// The connection broke, or the gateway gave up: either is possible.
    Unknown,
}

/// The outcomes of requests, by match id.
pub type Outcomes = BTreeMap<i64, Outcome>;

impl Outcome {
    /// From a response, or from the failure to get one.
    pub fn of(answer: &Result<ApiResponse>) -> Self {
        match answer {
            Ok(answer) if matches!(answer.status, 200 | 201) => Self::Established,
            // The gateway's own: the service did not respond.
            Ok(answer) if matches!(answer.status, 502 | 504) => Self::Unknown,
            Ok(_) => Self::Refused,
            Err(_) => Self::Unknown,
        }
    }

    /// As the auditor reads it.
    const fn status(self) -> Option<u16> {
        match self {
            Self::Established => Some(201),
            Self::Refused => Some(503),
            Self::Unknown => None,
        }
    }
}

/// Waits until the fleet is at rest. Then all laws must hold, with these outcomes of requests.
pub async fn is_sound(fleet: &Fleet, limit: Duration, outcomes: &Outcomes) -> Result<()> {
    fleet.decided(&FLEET, limit).await?;
    fleet.settled(limit).await?;
    let request = |(id, outcome): (&i64, &Outcome)| Operation::new(REQUEST, *id, outcome.status()).with("price", PRICE);
    let operations: Vec<Operation> = outcomes.iter().map(request).collect();
    let report = fleet.audit(&FLEET, &operations).await?;
    ensure!(report.holds(), "{report}");
    Ok(())
}
