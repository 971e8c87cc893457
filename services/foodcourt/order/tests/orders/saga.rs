//! The saga of a cancellation, as the documents show it.

use std::path::Path;

use context::saga::document;
use contracts::generated::{UPDATE, Update};
use foodcourt_order_service::CancelSaga;

#[test]
fn the_documents_show_the_steps_and_the_states_of_the_saga() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let update = Update::asked().unwrap();
    let stale = contracts::section(&file, "the cancellation of an order", &document::<CancelSaga>(), update).unwrap();
    assert!(stale.is_none(), "{}: run this test with {UPDATE}=1", stale.unwrap());
}
