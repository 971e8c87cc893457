//! A saga: a business transaction with other contexts that ends either whole or compensated, whatever fails in between.
//!
//! A context *defines* a saga ([`Definition`]): the parameters of an attempt, the steps with their actions and
//! compensations, and the columns of its table. [`Saga::run`] runs an attempt:
//!
//! 1. The attempt is stored as *pending*, before anything is called.
//! 2. The participants are called in order. After each one the step that was reached is stored.
//! 3. After the last one the attempt is *established*, and its event is published, in one transaction.
//!
//! If a participant declines, or if an outcome is unknown, or if the process dies, the *recovery* ends the attempt. Backward:
//! it compensates the steps in reverse, from the step that was reached, until each is confirmed; then the attempt is *void*.
//! Forward: it repeats the steps until they are done; only if a participant declines, it compensates.
//!
//! While an attempt is pending, only the request that began it calls participants. Afterwards only the recovery does. Each
//! transition is one statement that compares the attempt, the phase and the step. An attempt that the recovery has taken
//! over is leased: other replicas leave it alone for a while. If the lease ends too early, calls are repeated, and
//! participants ignore repetitions: see [`Participant`].
//!
//! [`Requests`] are the requests of clients that begin attempts: ids, idempotency keys, outcomes as problems.
//!
//! A later attempt at the same key begins when the latest one is void. Its number is greater.

mod definition;
mod document;
mod http_participant;
mod orchestrator;
mod participant;
mod phase;
mod recovery;
mod refusal;
mod requested;
mod requests;
mod settings;
mod statements;
mod store;

pub use definition::{Definition, Recovery, SagaTable, Step};
pub use document::{State, Transition, document, transitions};
pub use http_participant::{HttpParticipant, ReadReply};
pub use orchestrator::{DefinitionError, Outcome, OutcomeOf, Saga};
pub use participant::{NotCompensated, Participant, Reply};
pub use phase::Phase;
pub use refusal::{Refusal, confirmed_or_declined, declined};
pub use requested::{RequestOutcome, RequestOutcomeOf, Requested};
pub use requests::{Request, Requests};
pub use settings::SagaSettings;
