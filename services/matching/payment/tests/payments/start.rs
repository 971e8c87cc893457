//! The start of the process.

use ambient::{Ids, SystemClock};
use chassis::Host;
use clap::Parser;
use context::{Config, build};
use payment::NoProvider;
use payment_service::Payments;
use std::sync::Arc;
use test_stores::on_sqlite;

#[test]
fn a_process_without_a_provider_does_not_start_and_names_the_reason() {
    on_sqlite(async |place| {
        let clock = Arc::new(SystemClock);
        let host = Host::new(clock.clone(), Arc::new(Ids::from_entropy(clock)));
        let mut config = Config::<NoProvider>::parse_from(["payment", "--fleet", "test"]);
        config.store = place.config();
        let error = build::<Payments>(config, host).await.expect_err("it starts").to_string();
        assert!(error.contains("this binary has no payment provider"), "{error}");
    });
}
