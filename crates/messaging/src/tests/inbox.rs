//! An event is applied once, however often it is delivered.

use std::time::Duration;

use ambient::Clock as _;
use futures_util::future::join_all;
use sqlx::query_scalar;
use test_stores::on_each_store;
use test_stores::random::{cases, deliveries, one};

use super::Process;
use super::tally::{counted, event};
use crate::inbound::dead_letters::REDRIVEN_FOR;
use crate::inbound::inbox;
use crate::{BatchOutcome, Record};

#[test]
fn an_event_is_applied_once_however_often_and_in_whatever_batches_it_is_delivered() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let processor = process.processor();
        for (count, id) in cases(25, 1..20_i64).zip(1..) {
            let records = (1..=count).map(|n| counted(0, &format!("{id}-{n}"), id, n)).collect();
            let batches = one(deliveries(records));
            let mut sum = BatchOutcome::default();
            let case = format!("{count} events, {} batches", batches.len());
            let all: usize = batches.iter().map(Vec::len).sum();
            for batch in batches {
                let done = processor.process(batch).await;
                sum.applied += done.applied;
                sum.repeated += done.repeated;
            }
            assert_eq!(process.total(id).await, count * (count + 1) / 2, "{case}");
            let staged = i64::try_from(process.staged(id).await.len()).unwrap();
            assert_eq!(staged, count, "the resulting event is staged once: {case}");
            assert_eq!((i64::try_from(sum.applied).unwrap(), sum.applied + sum.repeated), (count, all), "{case}");
        }
        assert_eq!(process.letters().await, []);
    });
}

#[test]
fn an_event_is_applied_once_though_two_processes_consume_it_at_the_same_time() {
    on_each_store(async |place| {
        let processes = [Process::on(place).await, Process::on(place).await];
        let records: Vec<Record> = (0..200).map(|n| counted(n, &format!("event {n}"), n % 7, 1)).collect();
        let mut tasks = vec![];
        for turn in 0..6_usize {
            let processor = processes[turn % 2].processor();
            let mut records = records.clone();
            records.rotate_left(turn * 31);
            tasks.push(async move { processor.process(records).await });
        }
        let taken = join_all(tasks).await;
        assert_eq!(taken.iter().map(|taken| taken.applied).sum::<usize>(), 200);
        assert_eq!(taken.iter().map(|taken| taken.repeated).sum::<usize>(), 1_000);
        let mut sum = 0;
        for id in 0..7 {
            sum += processes[0].total(id).await;
        }
        assert_eq!(sum, 200);
    });
}

#[test]
fn after_the_commit_the_context_is_notified_of_new_events_only() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let processor = process.processor();
        processor.process(vec![counted(0, "a", 1, 1), counted(1, "a", 1, 1)]).await;
        processor.process(vec![counted(0, "a", 1, 1), counted(2, "b", 1, 1)]).await;
        assert_eq!(*processor.policies.applied.lock().unwrap(), ["a", "b"]);
    });
}

#[test]
fn events_of_unknown_types_and_unknown_fields_are_no_failure() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let newer = event(0, "a", "Counted", 1, r#"{"id":1,"n":5,"why":"newer"}"#);
        let unknown = event(1, "b", "Weighed", 1, "not even JSON");
        let taken = process.processor().process(vec![newer, unknown]).await;
        assert_eq!(taken, BatchOutcome { applied: 1, repeated: 0, dead: 0 });
        assert_eq!((process.total(1).await, process.letters().await.len()), (5, 0));
    });
}

#[test]
fn a_record_that_was_sent_again_is_taken_only_by_the_context_that_it_is_for() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let redriven = |context: &str, offset, event_id| {
            let mut record = counted(offset, event_id, 1, 1);
            record.headers.push((REDRIVEN_FOR.to_owned(), Some(context.as_bytes().to_vec())));
            record
        };
        let records = vec![redriven("another", 0, "a"), redriven("reader", 1, "b"), redriven("reade", 2, "c")];
        assert_eq!(process.processor().process(records).await, BatchOutcome { applied: 1, repeated: 0, dead: 0 });
        assert_eq!(process.staged(1).await.len(), 1);
    });
}

#[test]
fn the_inbox_forgets_what_is_older_than_its_retention_and_nothing_else() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        // More than one step of the purge.
        let old = (0..6_000).map(|n| counted(n, &format!("old {n}"), n, 1)).collect();
        process.processor().process(old).await;
        process.clock.advance(Duration::from_mins(1));
        process.processor().process(vec![counted(0, "new", 1, 1)]).await;
        process.clock.advance(Duration::from_mins(1));
        let purge = async |retention| inbox::purge(&process.store, process.clock.now(), retention).await.unwrap();
        assert_eq!(purge(Duration::from_mins(2)).await, 0);
        assert_eq!(purge(Duration::from_mins(2) - Duration::from_micros(1)).await, 6_000);
        let left: Vec<String> =
            query_scalar("SELECT event_id FROM inbox").fetch_all(process.store.reader()).await.unwrap();
        assert_eq!(left, ["new"]);
    });
}
