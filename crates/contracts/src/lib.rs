//! What contexts promise each other, as files that tests hold against both sides. Only tests use this crate.
//!
//! | module | what |
//! |---|---|
//! | [`Published`] | the events that a context tells the world: a JSON Schema per event, from the Rust types |
//! | [`kept`] | the files of a fleet's contract, compared with the types, and written when a test is told to |
//! | [`changes`] | whether readers can live with another schema |
//! | [`Statement`] | what a context reads of the events of others: `reads.toml` in its folder |
//! | [`Asks`] | what a context asks another one over HTTP and what it understands of the answer: `asks/*.json` |
//! | [`proto`] | whether clients can live with another .proto file |
//! | [`asyncapi`] | all of it as one document of `AsyncAPI` 3 |
//! | [`openapi`] | whether clients can live with other promises over HTTP |
//!
//! Whatever is found wrong is told in words, for whoever made the change.

mod asks;
pub mod asyncapi;
pub mod changes;
pub mod kept;
pub mod openapi;
pub mod proto;
mod published;
mod reading;
mod statement;

pub use asks::{Answer, Asks, Interaction, Request};
pub use published::{Published, schema};
pub use statement::{Field, Kind, Statement};

/// What is wrong, a line or more each; `Ok` if nothing is.
///
/// # Errors
///
/// All of it as one text, with `heading` before it.
pub fn verdict(heading: &str, wrong: &[String]) -> Result<(), String> {
    if wrong.is_empty() { Ok(()) } else { Err(format!("{heading}\n  - {}\n", wrong.join("\n  - "))) }
}
