//! The saga of a call, as the README of the fleet shows it.

use std::path::Path;

use cleancall_service::CallSaga;
use context::saga::document;
use contracts::generated::{UPDATE, Update};

#[test]
fn the_readme_shows_the_steps_and_the_states_of_the_saga() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let update = Update::asked().unwrap();
    let stale = contracts::section(&file, "the request of a call", &document::<CallSaga>(), update).unwrap();
    assert!(stale.is_none(), "{}: run this test with {UPDATE}=1", stale.unwrap());
}
