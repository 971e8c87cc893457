//! What the contexts promise over HTTP, and what of it is open at the gateway: the documents below `contracts/matching`, held
//! against the code. What to do when a test fails here: `docs/contracts.md`.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use contracts::kept::{self, Update};
use contracts::{openapi, verdict};
use gateway::config::Config;
use matching_catalog::documents;
use serde_json::Value;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};

fn routes() -> Config {
    Config::parse(include_str!("../../gateway.toml"), |_| None).unwrap()
}

/// What is promised to whoever comes through the gateway.
fn fleet() -> OpenApi {
    let about = "Students ask for matches and pay, tutors take the visits.\n\n\
                 Errors are problems (RFC 9457); clients may see more kinds than are named here. Answers may have more fields. \
                 HEAD is answered wherever GET is. A method that a path does not have is answered 405, with `Allow`.";
    let license = LicenseBuilder::new().name("Apache-2.0 OR MIT").build();
    let info = InfoBuilder::new().title("Flotilla: matching").version(env!("CARGO_PKG_VERSION"));
    let info = info.description(Some(about)).license(Some(license)).build();
    gateway::openapi::document(&routes(), OpenApiBuilder::new().info(info).build(), documents()).unwrap()
}

fn kept_in(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../contracts/matching")).canonicalize().unwrap().join(name)
}

/// The fleet's document is beside the routes that name it; `contracts/matching` has a link to it.
fn services() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn holds(outcome: Result<(), String>) {
    outcome.unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn the_documents_are_what_the_code_says_and_break_no_client() {
    let update = Update::asked().unwrap_or_else(|wrong| panic!("{wrong}"));
    let own =
        documents().into_iter().map(|document| (kept_in(&format!("openapi/{}.json", document.info.title)), document));
    let all = own.chain([(services().join("openapi.json"), fleet())]);
    let all: Vec<_> = all.map(|(file, document)| (file, serde_json::to_value(document).unwrap())).collect();
    let broken = all.iter().flat_map(|(file, now)| {
        let kept: Value = fs::read_to_string(file).map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
        openapi::breaking(&kept, now)
    });
    let broken: Vec<String> = broken.collect();
    if update != Update::Anything {
        holds(verdict(
            "this change breaks clients. How to go on: docs/contracts.md. If there are none: UPDATE_CONTRACTS=breaking",
            &broken,
        ));
    }
    let stale: Vec<String> = all.iter().filter_map(|(file, now)| kept::document(file, now, update).unwrap()).collect();
    holds(verdict(&kept::how_to_write(), &stale));
}

#[test]
fn whoever_is_behind_the_gateway_says_what_he_promises() {
    let titles: Vec<String> = documents().into_iter().map(|document| document.info.title).collect();
    for upstream in routes().upstreams {
        assert!(titles.contains(&upstream.name), "{}: the title of its document is its name", upstream.name);
    }
}

/// What is for other contexts only is promised to them, and to nobody outside.
#[test]
fn what_the_gateway_does_not_open_is_not_in_its_document() {
    let paths = |document: OpenApi| document.paths.paths.into_keys().collect::<Vec<_>>();
    let payment = documents().into_iter().find(|document| document.info.title == "payment").unwrap();
    assert!(paths(payment).contains(&"/approvals".to_owned()));
    let open = paths(fleet());
    assert!(!open.iter().any(|path| path == "/approvals" || path == "/cancellations"), "{open:?}");
}
