//! The contracts of the fleet: the documents below `contracts/foodcourt`, and the statements of the contexts. How to go on
//! when a test fails here: `docs/contracts.md`.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use contracts::FleetContracts;
use contracts::payloads::assert_decoded_as_published;
use cook_contract::CookEvent;
use foodcourt_catalog::{documents, published};
use foodcourt_order_contract::OrderEvent;
use gateway::config::Config;
use utoipa::openapi::OpenApi;

const ABOUT: &str = "Customers order in the shops of a food court, kitchens cook, a board announces.";

fn routes() -> Config {
    Config::parse(include_str!("../../gateway.toml"), |_| None).unwrap()
}

/// The document of all that the gateway serves.
fn open() -> OpenApi {
    gateway::openapi::document(&routes(), "foodcourt", ABOUT, documents()).unwrap()
}

fn fleet() -> FleetContracts {
    FleetContracts {
        name: "foodcourt",
        about: ABOUT,
        key: "The id of the order, as decimal digits.",
        version: env!("CARGO_PKG_VERSION"),
        published: published().unwrap(),
        documents: documents(),
        open: open(),
    }
}

#[test]
fn the_documents_are_what_the_code_implies_and_break_no_client() {
    fleet().assert_documents();
}

#[test]
fn the_schemas_are_what_the_types_imply_and_break_no_consumer() {
    fleet().assert_events();
}

#[test]
fn what_each_context_consumes_is_published() {
    fleet().assert_consumers();
}

#[test]
fn each_statement_has_its_tests() {
    fleet().assert_tested();
}

#[test]
fn a_path_for_other_contexts_is_not_in_the_document_of_the_gateway() {
    let path = "/cancellations";
    assert!(documents().iter().any(|document| document.paths.paths.contains_key(path)));
    assert!(!open().paths.paths.contains_key(path));
}

#[test]
fn an_event_is_decoded_if_its_schema_allows_it() {
    let events = fleet().events();
    assert_decoded_as_published::<CookEvent>(&events);
    assert_decoded_as_published::<OrderEvent>(&events);
}
