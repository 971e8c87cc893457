//! The contracts of the fleet: the documents below `contracts/matching`, and the statements of the contexts. How to go on
//! when a test fails here: `docs/contracts.md`.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use contracts::FleetContracts;
use contracts::payloads::assert_decoded_as_published;
use gateway::config::Config;
use match_contract::{MatchCanceled, MatchEvent};
use matching_catalog::{documents, published};
use payment_contract::PaymentEvent;
use utoipa::openapi::OpenApi;
use visit_contract::{VisitAssigned, VisitEvent};

const ABOUT: &str = "Students ask for matches and pay, tutors take the visits.";

fn routes() -> Config {
    Config::parse(include_str!("../../gateway.toml"), |_| None).unwrap()
}

/// The document of all that the gateway serves.
fn open() -> OpenApi {
    gateway::openapi::document(&routes(), "matching", ABOUT, documents()).unwrap()
}

fn fleet() -> FleetContracts {
    FleetContracts {
        name: "matching",
        about: ABOUT,
        key: "The match id, as decimal digits.",
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
fn each_upstream_of_the_gateway_has_a_document_of_its_name() {
    let titles: Vec<String> = documents().into_iter().map(|document| document.info.title).collect();
    for upstream in routes().upstreams {
        assert!(titles.contains(&upstream.name), "{}", upstream.name);
    }
}

#[test]
fn a_path_for_other_contexts_is_not_in_the_document_of_the_gateway() {
    let paths = |document: OpenApi| document.paths.paths.into_keys().collect::<Vec<_>>();
    let payment = documents().into_iter().find(|document| document.info.title == "payment").unwrap();
    assert!(paths(payment).contains(&"/approvals".to_owned()));
    let open = paths(open());
    assert!(!open.iter().any(|path| path == "/approvals" || path == "/cancellations"), "{open:?}");
}

#[test]
fn an_event_is_decoded_if_its_schema_allows_it() {
    let events = fleet().events();
    assert_decoded_as_published::<MatchEvent>(&events);
    assert_decoded_as_published::<PaymentEvent>(&events);
    assert_decoded_as_published::<VisitEvent>(&events);
}

#[test]
fn an_event_that_its_schema_forbids_cannot_be_encoded() {
    let canceled = |id, attempt| MatchEvent::MatchCanceled(MatchCanceled { id, attempt });
    assert!(events::encode(&canceled(5000, 1)).is_ok());
    for (id, attempt) in [(-5, 1), (0, 1), (5000, 0), (9_007_199_254_740_992, 1)] {
        assert!(events::encode(&canceled(id, attempt)).is_err(), "{id}, {attempt}");
    }
    let assigned = |teacher: &str, visit_date: &str| {
        let (teacher, visit_date) = (teacher.to_owned(), visit_date.to_owned());
        VisitEvent::VisitAssigned(VisitAssigned { match_id: 5000, attempt: 1, teacher, visit_date, tutor: None })
    };
    assert!(events::encode(&assigned("TEACHER", "2021-01-21")).is_ok());
    for (teacher, date) in [("", "2021-01-21"), ("a\0b", "2021-01-21"), ("TEACHER", "21/01/21")] {
        assert!(events::encode(&assigned(teacher, date)).is_err(), "{teacher}, {date}");
    }
}
