//! Sagas of one, two and three participants, in both directions of recovery, on three replicas.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod booking;
mod crashes;
mod document;
mod guards;
mod ledger;
mod random;
mod world;
