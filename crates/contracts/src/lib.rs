//! Contracts between contexts, as files that tests verify on both sides. Only tests use this crate.
//!
//! | module | content |
//! |---|---|
//! | [`Published`] | the events that a context publishes: a JSON Schema per event, from the Rust types |
//! | [`FleetContracts`] | the checks of all contracts of a fleet |
//! | [`generated`] | the generated files of a fleet's contracts, compared with the types, and updated on request |
//! | [`section`](section()) | a generated section of a document |
//! | [`payloads`] | whether events are decoded as their schemas allow |
//! | `compatibility` | whether consumers are compatible with a changed schema |
//! | [`ConsumerContract`] | the consumer contract: what a context reads of events of others, in its `reads.toml` |
//! | [`Interactions`] | interactions: the HTTP requests of a context, and what it reads of the responses, in `interactions/*.json` |
//! | [`proto`] | whether clients are compatible with a changed .proto file |
//! | [`asyncapi`] | all of it as one document of `AsyncAPI` 3 |
//! | [`openapi`] | whether clients are compatible with a changed `OpenAPI` document |
//!
//! Violations are reported as text, for the author of the change.

pub mod asyncapi;
mod compatibility;
mod consumer_contract;
mod files;
mod fleet;
pub mod generated;
mod interactions;
pub mod openapi;
pub mod payloads;
pub mod proto;
mod published;
mod section;
mod verification;

pub use consumer_contract::{ConsumerContract, Field, Kind};
pub use fleet::FleetContracts;
pub use interactions::{ExpectedResponse, Interaction, Interactions, Request};
pub use published::{Published, schema};
pub use section::section;
pub use verification::assert_consumer_contract;

use utoipa::openapi::OpenApi;

/// The `OpenAPI` document of a context that is written by hand, as its code is none of Rust.
///
/// # Panics
///
/// If the text is no such document.
#[expect(clippy::panic, reason = "only tests use this crate, and what fails here fails the test")]
pub fn written_document(text: &str) -> OpenApi {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("no OpenAPI document: {error}"))
}

/// `Ok` if there are no violations.
///
/// # Errors
///
/// All violations as one text, below `heading`.
pub fn verdict(heading: &str, violations: &[String]) -> Result<(), String> {
    if violations.is_empty() { Ok(()) } else { Err(format!("{heading}\n  - {}\n", violations.join("\n  - "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_is_written_by_hand_is_read_with_its_paths() {
        let text =
            r#"{"openapi":"3.1.0","info":{"title":"boats","version":"1"},"paths":{"/boats":{"get":{"responses":{}}}}}"#;
        assert!(written_document(text).paths.paths["/boats"].get.is_some());
    }

    #[test]
    #[should_panic(expected = "no OpenAPI document")]
    fn a_text_that_is_no_document_fails_the_test_that_reads_it() {
        written_document("{}");
    }
}
