//! Several relays on one store, started and killed at random.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ambient::Ids;
use test_stores::{TestStore, eventually, on_each_store};
use tokio::time::{sleep, timeout};

use super::broker::Broker;
use super::relay::Running;
use super::{Process, chance};

const KEYS: i64 = 5;
const TRANSACTIONS: i64 = 40;
const RUNS: u64 = 3;

/// Stops and kills relays at random, and starts others.
async fn churn(broker: Arc<Broker>, processes: [Process; 2], chance: Ids) {
    let mut relays = processes.each_ref().map(|process| Running::start(&broker, process));
    loop {
        for (relay, process) in relays.iter_mut().zip(&processes) {
            sleep(chance.span(Duration::ZERO..Duration::from_millis(40))).await;
            if chance.chance(0.5) {
                relay.stop.cancel();
                let _ = timeout(Duration::from_millis(20), &mut relay.task).await;
            }
            *relay = Running::start(&broker, process);
        }
    }
}

async fn run(place: &TestStore, seed: u64) {
    let processes = [Process::on(place).await, Process::on(place).await];
    let writer = Process::on(place).await;
    let broker = Arc::new(Broker { faults: Some(chance(seed)), ..Broker::default() });
    let churning = tokio::spawn(churn(Arc::clone(&broker), processes, chance(seed + 1_000)));
    let pauses = chance(seed + 2_000);
    let mut committed: BTreeMap<i64, i64> = (0..KEYS).map(|key| (key, 0)).collect();
    for _ in 0..TRANSACTIONS {
        let mut counts = vec![];
        for (key, next) in &mut committed {
            while pauses.chance(0.4) {
                counts.push((*key, *next));
                *next += 1;
            }
        }
        writer.commit_all(counts).await;
        sleep(pauses.span(Duration::ZERO..Duration::from_millis(4))).await;
    }
    churning.abort();
    let _ = churning.await;
    let _last = Running::start(&broker, &writer);
    eventually("the outbox is empty", async || writer.waiting().await.is_empty()).await;

    for (key, numbers) in broker.by_key() {
        // A relay that is killed before it deletes a row causes a duplicate, but never after a later event of the key.
        assert!(numbers.is_sorted(), "seed {seed}: key {key} is out of order: {numbers:?}");
        let mut once = numbers;
        once.dedup();
        assert_eq!(once, (0..committed[&key]).collect::<Vec<_>>(), "seed {seed}: key {key}");
    }
}

#[test]
fn every_event_is_published_in_the_order_of_its_key_while_relays_come_and_go() {
    on_each_store(async |place| {
        for seed in 1..=RUNS {
            run(place, seed).await;
        }
    });
}
