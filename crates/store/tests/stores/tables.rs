//! Batches of rows, and conflicts between two writers.

use std::time::Duration;

use serde::Serialize;
use store::sqlx::{self, FromRow, query_scalar};
use store::{Column, Migrations, Store, Table};
use test_stores::{TestStore, on_each_store, on_sqlite};
use tokio::time::timeout;

use crate::steps;

const TABLE: Table = Table {
    name: "things",
    key: "id",
    columns: &[("id", Column::Number), ("count", Column::Number), ("size", Column::Number), ("name", Column::Text)],
};

#[derive(Debug, Clone, Default, PartialEq, FromRow, Serialize)]
struct Thing {
    id: i64,
    count: i64,
    size: Option<i64>,
    name: Option<String>,
}

fn schema() -> Migrations {
    steps(&[(
        1,
        "CREATE TABLE things (id BIGINT PRIMARY KEY, count BIGINT NOT NULL DEFAULT 0, size BIGINT, name TEXT)",
    )])
}

async fn lock(store: &Store, keys: &[i64]) -> Vec<Thing> {
    let mut tx = store.begin().await.unwrap();
    TABLE.lock(&mut tx, store.dialect(), keys).await.unwrap()
}

/// Increments the counters of these keys in one transaction.
async fn count(store: &Store, keys: &[i64]) -> Result<(), sqlx::Error> {
    let mut tx = store.begin().await?;
    let mut things: Vec<Thing> = TABLE.lock_or_insert(&mut tx, store.dialect(), keys).await?;
    for thing in &mut things {
        thing.count += 1;
    }
    // Gives other tasks the chance to conflict.
    tokio::task::yield_now().await;
    TABLE.write(&mut tx, store.dialect(), &things).await?;
    tx.commit().await
}

#[test]
fn rows_read_back_as_they_were_written() {
    let names = [
        "",
        "null",
        "NULL",
        "0",
        "00123",
        "-1.5e3",
        "true",
        "'quoted'",
        "\"quoted\"",
        "back\\slash",
        "\\u0041",
        "two\nlines\r\ttab",
        "{\"a\": [1]}",
        "[",
        "$1 %s ? :x",
        "Grüße, 学生, 🎓, e\u{301}",
        "\u{7f}\u{1}\u{2028}",
    ];
    let numbers = [0, -1, 1, i64::from(i32::MAX) + 1, (1 << 53) + 1, i64::MAX, i64::MIN];
    let texts = names.map(|name| Thing { name: Some(name.to_owned()), ..Thing::default() });
    let sized = numbers.map(|number| Thing { count: number, size: Some(number), ..Thing::default() });
    let mut things: Vec<Thing> = texts.into_iter().chain(sized).chain([Thing::default()]).collect();
    for (id, thing) in (-3..).zip(&mut things) {
        thing.id = id;
    }
    on_each_store(async |place| {
        let store = place.open(&[schema()]).await;
        let keys: Vec<i64> = things.iter().map(|thing| thing.id).collect();
        let mut tx = store.begin().await.unwrap();
        TABLE.write(&mut tx, store.dialect(), &things).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(lock(&store, &keys).await, things);
        let stored: Vec<Thing> =
            sqlx::query_as("SELECT * FROM things ORDER BY id").fetch_all(store.reader()).await.unwrap();
        assert_eq!(stored, things);
    });
}

#[test]
fn a_row_is_written_whole_over_what_it_was() {
    on_each_store(async |place| {
        let store = place.open(&[schema()]).await;
        let before = Thing { id: 1, count: 2, size: Some(3), name: Some("name".into()) };
        let after = Thing { id: 1, count: 5, size: None, name: None };
        for thing in [before, after.clone()] {
            let mut tx = store.begin().await.unwrap();
            TABLE.write(&mut tx, store.dialect(), &[thing]).await.unwrap();
            tx.commit().await.unwrap();
        }
        assert_eq!(lock(&store, &[1]).await, [after]);
    });
}

#[test]
fn rows_come_in_the_order_of_their_keys_each_once_and_only_those_asked_for() {
    on_each_store(async |place| {
        let store = place.open(&[schema()]).await;
        let mut tx = store.begin().await.unwrap();
        let made: Vec<Thing> = TABLE.lock_or_insert(&mut tx, store.dialect(), &[30, 10, 20, 10]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(made.iter().map(|thing| thing.id).collect::<Vec<_>>(), [10, 20, 30]);
        let found: Vec<i64> = lock(&store, &[30, 40, 10]).await.iter().map(|thing| thing.id).collect();
        assert_eq!(found, [10, 30], "lock makes none");
        assert_eq!(lock(&store, &[]).await, []);
    });
}

#[test]
fn a_transaction_that_is_dropped_has_not_happened() {
    on_each_store(async |place| {
        let store = place.open(&[schema()]).await;
        let mut tx = store.begin().await.unwrap();
        let _: Vec<Thing> = TABLE.lock_or_insert(&mut tx, store.dialect(), &[1]).await.unwrap();
        drop(tx);
        assert_eq!(lock(&store, &[1]).await, []);
    });
}

#[test]
fn transactions_that_begin_the_same_rows_at_the_same_time_lose_nothing() {
    on_each_store(async |place: &TestStore| {
        let stores = [place.open(&[schema()]).await, place.open(&[schema()]).await];
        let keys: Vec<i64> = (0..20).collect();
        let tasks: Vec<_> = (0..40_usize)
            .map(|n| {
                let (store, mut keys) = (stores[n % 2].clone(), keys.clone());
                // Each batch has another order: batches may wait, but not deadlock.
                keys.rotate_left(n % 20);
                tokio::spawn(async move { count(&store, &keys).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let counts: Vec<i64> = lock(&stores[0], &keys).await.iter().map(|thing| thing.count).collect();
        assert_eq!(counts, [40; 20]);
    });
}

#[test]
fn transactions_that_begin_many_rows_in_other_orders_do_not_wait_in_a_circle() {
    on_each_store(async |place: &TestStore| {
        let store = place.open(&[schema()]).await;
        for round in 0..5 {
            let tasks: Vec<_> = (0..6)
                .map(|n| {
                    let store = store.clone();
                    let mut keys: Vec<i64> = (round * 3_000..(round + 1) * 3_000).collect();
                    if n % 2 == 0 {
                        keys.reverse();
                    }
                    tokio::spawn(async move { count(&store, &keys).await })
                })
                .collect();
            for task in tasks {
                task.await.unwrap().unwrap();
            }
        }
    });
}

#[test]
fn one_statement_holds_ten_thousand_rows() {
    on_each_store(async |place| {
        let store = place.open(&[schema()]).await;
        let keys: Vec<i64> = (0..10_000).collect();
        count(&store, &keys).await.unwrap();
        count(&store, &keys).await.unwrap();
        let sum: i64 =
            query_scalar("SELECT CAST(SUM(count) AS BIGINT) FROM things").fetch_one(store.reader()).await.unwrap();
        assert_eq!(sum, 20_000);
    });
}

#[test]
fn on_a_file_a_writer_waits_for_another_process_that_writes() {
    on_sqlite(async |place| {
        let (one, other) = (place.open(&[schema()]).await, place.open(&[schema()]).await);
        let mut first = one.begin().await.unwrap();
        let _: Vec<Thing> = TABLE.lock_or_insert(&mut first, one.dialect(), &[1]).await.unwrap();
        let mut second = tokio::spawn(async move { count(&other, &[1]).await });
        assert!(timeout(Duration::from_millis(300), &mut second).await.is_err(), "it neither passes nor fails");
        first.commit().await.unwrap();
        second.await.unwrap().unwrap();
        assert_eq!(lock(&one, &[1]).await[0].count, 1);
    });
}

#[test]
fn readers_do_not_wait_for_a_writer_and_see_only_what_is_committed() {
    on_each_store(async |place| {
        let store = place.open(&[schema()]).await;
        let mut tx = store.begin().await.unwrap();
        let _: Vec<Thing> = TABLE.lock_or_insert(&mut tx, store.dialect(), &[1]).await.unwrap();
        let seen =
            || async { query_scalar::<_, i64>("SELECT COUNT(*) FROM things").fetch_one(store.reader()).await.unwrap() };
        assert_eq!(timeout(Duration::from_secs(2), seen()).await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert_eq!(seen().await, 1);
    });
}

#[test]
fn a_store_that_answers_is_ready() {
    on_each_store(async |place| {
        let store = place.open(&[]).await;
        assert_eq!(store.readiness()().await, Ok(()));
        store.reader().close().await;
        assert!(store.readiness()().await.is_err());
    });
}
