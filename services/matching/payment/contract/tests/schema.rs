//! A change of the wire form shows as a diff of the schema, or fails here.

#[test]
fn the_events_are_as_the_schema_that_readers_rely_on() {
    let file = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json"));
    events::schema::check::<payment_contract::PaymentEvent>(file).unwrap();
}
