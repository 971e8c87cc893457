//! The saga of a refund, as the README of the fleet shows it.

use std::path::Path;

use context::saga::document;
use contracts::generated::{UPDATE, Update};
use refund_service::RefundSaga;

#[test]
fn the_readme_shows_the_steps_and_the_states_of_the_saga() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let update = Update::asked().unwrap();
    let stale = contracts::section(&file, "the refund of an order", &document::<RefundSaga>(), update).unwrap();
    assert!(stale.is_none(), "{}: run this test with {UPDATE}=1", stale.unwrap());
}
