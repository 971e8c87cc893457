use std::time::Duration;

use async_trait::async_trait;
use events::TraceContext;
use match_domain::Case;

/// What the match context needs from payment.
///
/// Both requests name the attempt: whatever is repeated, an attempt is paid once and paid back once.
#[async_trait]
pub trait Payments: Send + Sync {
    /// How long it is pointless to ask, if it is: known before anything is written down.
    fn refusal(&self) -> Option<Duration>;

    /// Asks for the payment of an attempt.
    async fn approve(&self, case: &Case, trace: &TraceContext) -> Approval;

    /// Undoes the payment of an attempt, whether there was one or not, and keeps it from ever being approved.
    async fn cancel(&self, case: &Case) -> Result<(), Unsettled>;
}

/// What came of asking for a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// The money is taken.
    Approved,
    /// It is not, for a reason that the student may read.
    Declined(String),
    /// Payment has certainly seen nothing. It may be asked again after a while.
    NotAsked(Duration),
    /// Nobody can tell.
    Unknown,
}

impl Approval {
    /// In one word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Declined(_) => "declined",
            Self::NotAsked(_) => "not asked",
            Self::Unknown => "unknown",
        }
    }
}

/// Payment has not said that it undid the payment: it must be asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled(pub String);
