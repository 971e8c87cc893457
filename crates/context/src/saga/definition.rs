use std::fmt::Debug;

use events::EventSet;
use messaging::Argument;
use store::Table;
use store::sqlx::Error;
use store::sqlx::any::AnyRow;

use crate::saga::Phase;

/// The definition of a saga: one file of a context.
///
/// The attempt is a type of the domain, so the definition is a type of its own.
pub trait Definition: Sized + Send + Sync + 'static {
    /// One attempt: its key, its number and its parameters.
    type Attempt: Clone + Debug + Send + Sync + 'static;

    /// Why a participant declines.
    type Reason: Send + 'static;

    /// The events of the context.
    type Event: EventSet;

    /// The name of the saga in logs and documents.
    const NAME: &'static str;

    /// The steps in their order.
    const STEPS: &'static [Step];

    /// What the recovery does with an attempt whose outcome is unknown.
    const RECOVERY: Recovery;

    /// Where attempts are stored.
    const TABLE: SagaTable;

    /// The counter of established attempts.
    const ESTABLISHED_TOTAL: &'static str;

    /// The key of the business case. It has one row.
    fn key(attempt: &Self::Attempt) -> Argument<'_>;

    /// The number of the attempt. A later attempt at the same key has a greater one.
    fn number(attempt: &Self::Attempt) -> i64;

    /// The columns that are written when the attempt begins: all but those of the saga.
    fn parameters(attempt: &Self::Attempt) -> Vec<(&'static str, Argument<'_>)>;

    /// The columns that participants have changed, written together with the transition that follows their step.
    fn results(_attempt: &Self::Attempt) -> Vec<(&'static str, Argument<'_>)> {
        Vec::new()
    }

    /// Reads an attempt from its row.
    fn read(row: &AnyRow) -> Result<Self::Attempt, Error>;

    /// The event of an established attempt.
    fn event(attempt: &Self::Attempt) -> Self::Event;
}

/// A step of a saga, in words for documents and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The context that is called.
    pub participant: &'static str,
    /// What the call does.
    pub action: &'static str,
    /// What undoes it.
    pub compensation: &'static str,
}

/// What the recovery does with an attempt whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// It compensates. The client received a failure, and may begin another attempt.
    Backward,
    /// It repeats the step until the participant replies, and goes on: what the participant has agreed to must happen.
    Forward,
}

/// The table of a saga, one row per key, and the columns that belong to the saga.
///
/// A saga needs an index on `retry_at` of the rows that are not at rest.
#[derive(Debug, Clone, Copy)]
pub struct SagaTable {
    /// The table. Its columns are those that [`Definition::read`] reads.
    pub table: Table,
    /// BIGINT: the number of the latest attempt.
    pub attempt: &'static str,
    /// TEXT: the phase.
    pub phase: &'static str,
    /// BIGINT: when the recovery takes the attempt over. Later than now: a request or a recovery has a lease on it.
    pub retry_at: &'static str,
    /// BIGINT: the step that was reached, from 0. `None` for a saga of one step.
    pub step: Option<&'static str>,
    /// The stored name of [`Phase::Compensating`].
    pub compensating: &'static str,
    /// Which rows are kept if the first step of an attempt has had no effect, as a condition in SQL: they have more than the
    /// attempt. Their attempt becomes void. `None`: every such row is deleted.
    pub keep: Option<&'static str>,
    /// Further assignments of the statement that establishes an attempt, in SQL.
    pub on_established: Option<&'static str>,
    /// Further assignments of the statement that makes an attempt void, in SQL.
    pub on_void: Option<&'static str>,
}

impl SagaTable {
    /// The table of a saga of several steps, with the usual names.
    pub const fn of(table: Table) -> Self {
        Self {
            table,
            attempt: "attempt",
            phase: "phase",
            retry_at: "retry_at",
            step: Some("step"),
            compensating: "compensating",
            keep: None,
            on_established: None,
            on_void: None,
        }
    }

    /// The stored name of a phase.
    pub const fn name_of(&self, phase: Phase) -> &'static str {
        match phase {
            Phase::Pending => "pending",
            Phase::Completing => "completing",
            Phase::Compensating => self.compensating,
            Phase::Established => "established",
            Phase::Void => "void",
        }
    }

    /// The phase of a stored name.
    pub fn phase_named(&self, name: &str) -> Option<Phase> {
        Phase::ALL.into_iter().find(|phase| self.name_of(*phase) == name)
    }
}
