//! A record that cannot be applied becomes a dead letter, once, and does not block the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use test_stores::on_each_store;
use tokio::time::Instant;

use super::Process;
use super::tally::{DECODE_PANICS, FAILS_TWICE, PANICS, TOO_MUCH, counted, event, record};
use crate::inbound::batch::BatchProcessor;
use crate::{BatchOutcome, Record};

/// The letters' offsets and reasons, in the order of offsets.
async fn letters(process: &Process) -> Vec<(i64, String, u32)> {
    let letters = process.letters().await;
    let mut letters: Vec<_> = letters.into_iter().map(|l| (l.place.offset, l.reason, l.attempts)).collect();
    letters.sort();
    letters
}

fn poisons() -> Vec<Record> {
    let mut broken = counted(4, "d", 1, 1);
    broken.payload = Some(vec![0xff]);
    vec![
        counted(0, "a", 1, 1),
        record(1, "1", vec![], b"not an event"),
        event(2, "b", "Counted", 1, "{\"id\":1"),
        event(3, "c", "Counted", 1, "{\"id\":1,\"n\":\"two\"}"),
        broken,
        counted(5, "e", 2, TOO_MUCH),
        counted(6, "f", 3, PANICS),
        counted(7, "g", 1, 2),
        counted(8, "h", 3, 4),
    ]
}

#[test]
fn records_that_cannot_be_applied_become_dead_letters_with_reasons_and_the_others_are_applied() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let taken = process.processor().process(poisons()).await;
        assert_eq!(taken, BatchOutcome { applied: 3, repeated: 0, dead: 6 });
        assert_eq!((process.total(1).await, process.total(2).await, process.total(3).await), (3, 0, 4));
        let letters = letters(&process).await;
        let expected = [
            (1, "ce_specversion", 1),
            (2, "EOF", 1),
            (3, "invalid type", 1),
            (4, "not UTF-8", 1),
            (5, "constraint", 1),
            (6, "panicked", 1),
        ];
        assert_eq!(letters.len(), expected.len(), "{letters:?}");
        for ((offset, reason, attempts), (place, part, tried)) in letters.iter().zip(expected) {
            assert_eq!((*offset, *attempts), (place, tried), "{reason}");
            assert!(reason.contains(part), "{offset}: {reason}");
        }
    });
}

#[test]
fn a_dead_letter_is_written_once_however_often_its_record_is_delivered() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        process.processor().process(poisons()).await;
        let before = letters(&process).await;
        let taken = process.processor().process(poisons()).await;
        assert_eq!((taken.applied, taken.dead), (0, 0));
        assert_eq!(letters(&process).await, before);
        assert_eq!(process.total(1).await, 3);
    });
}

#[test]
fn an_event_that_fails_while_the_store_is_unavailable_is_retried_and_applied() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let taken = process.processor().process(vec![counted(0, "a", 1, FAILS_TWICE), counted(1, "b", 1, 1)]).await;
        assert_eq!(taken, BatchOutcome { applied: 2, repeated: 0, dead: 0 });
        assert_eq!((process.total(1).await, process.letters().await.len()), (2, 0));
    });
}

#[test]
fn bytes_that_no_store_accepts_as_text_are_kept_in_a_dead_letter() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let mut odd_key = record(0, "a\0b", vec![("h\0".into(), vec![0, 0xff])], b"\0");
        let mut no_text = odd_key.clone();
        (no_text.place.offset, no_text.key) = (1, Some(vec![0xff, 0]));
        odd_key.payload = Some(b"{\"a\": \"\\u0000\"}".to_vec());
        let mut nothing = record(2, "", vec![], b"");
        (nothing.key, nothing.payload, nothing.unread_headers) = (None, None, 3);
        let (nul, long) = (counted(3, "id\0", 1, 1), counted(4, &"x".repeat(3_000), 1, 1));
        let records = vec![odd_key, no_text, nothing, nul, long, counted(5, "good", 1, 1)];
        let taken = process.processor().process(records).await;
        assert_eq!(taken, BatchOutcome { applied: 1, repeated: 0, dead: 5 });
        let letters = letters(&process).await;
        assert_eq!(letters.iter().map(|letter| letter.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert!(letters[3].1.contains("ce_id") && letters[4].1.contains("ce_id"), "{letters:?}");
        assert_eq!(process.total(1).await, 1);
    });
}

#[test]
fn an_event_about_another_case_than_its_key_or_its_subject_becomes_a_dead_letter() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let mut strayed = counted(0, "a", 1, 1);
        strayed.key = Some(b"2".to_vec());
        let other = event(1, "b", "Counted", 2, "{\"id\":1,\"n\":1}");
        let taken = process.processor().process(vec![strayed, other]).await;
        assert_eq!((taken.dead, process.total(1).await, process.total(2).await), (2, 0, 0));
    });
}

#[test]
fn an_event_of_another_context_than_its_topic_becomes_a_dead_letter() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let mut forged = counted(0, "a", 1, 1);
        let source = forged.headers.iter_mut().find(|(name, _)| name == "ce_source").unwrap();
        source.1 = Some(b"/test/reader".to_vec());
        let taken = process.processor().process(vec![forged]).await;
        assert_eq!((taken.dead, process.total(1).await), (1, 0));
    });
}

#[test]
fn an_event_cannot_suppress_the_dead_letter_of_a_record() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        // Keys of dead letters as they were once, and as they are.
        let ids = ["dead test.counter/0/2", "\u{1}dead test.counter/0/2"];
        let [before, now] = [0, 1].map(|offset| counted(offset, ids[usize::try_from(offset).unwrap()], 1, 1));
        let taken = process.processor().process(vec![before, now, record(2, "1", vec![], b"not an event")]).await;
        assert_eq!(taken, BatchOutcome { applied: 1, repeated: 0, dead: 2 });
        assert_eq!(letters(&process).await.iter().map(|letter| letter.0).collect::<Vec<_>>(), [1, 2]);
    });
}

#[test]
fn an_event_becomes_a_dead_letter_when_its_decoding_panics() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let taken = process.processor().process(vec![counted(0, "a", 1, DECODE_PANICS), counted(1, "b", 1, 1)]).await;
        assert_eq!(taken, BatchOutcome { applied: 1, repeated: 0, dead: 1 });
    });
}

/// A batch in which every other event is one that the store refuses.
fn refused_ones(count: i64) -> Vec<Record> {
    (0..count).map(|n| counted(n, &format!("event {n}"), n, if n % 2 == 0 { TOO_MUCH } else { 1 })).collect()
}

#[test]
fn events_that_a_store_rejects_cost_no_pause_and_no_second_failure_when_they_are_delivered_again() {
    on_each_store(async |place| {
        let mut process = Process::on(place).await;
        // A pause for each would take minutes.
        process.config.consumer_backoff = Duration::from_secs(10);
        let beats = Arc::new(AtomicU32::new(0));
        let beating = Arc::clone(&beats);
        let heartbeat = Arc::new(move || {
            beating.fetch_add(1, Ordering::SeqCst);
        });
        let processor = BatchProcessor { heartbeat, ..process.processor() };
        let began = Instant::now();
        assert_eq!(processor.process(refused_ones(100)).await, BatchOutcome { applied: 50, repeated: 0, dead: 50 });
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert!(beats.swap(0, Ordering::SeqCst) >= 50, "it sends heartbeats while it applies them one by one");
        // As after a restart before the offset was committed.
        assert_eq!(processor.process(refused_ones(100)).await, BatchOutcome { applied: 0, repeated: 100, dead: 0 });
        assert!(beats.load(Ordering::SeqCst) <= 4, "the batch fails once, and not each event again");
        assert_eq!(letters(&process).await.len(), 50);
    });
}

#[test]
fn a_batch_ends_at_its_deadline_with_the_records_done_so_far() {
    on_each_store(async |place| {
        let mut process = Process::on(place).await;
        process.config.consumer_batch_time = Duration::from_millis(1);
        let (processor, mut records, mut parts) = (process.processor(), refused_ones(40), 0);
        while !records.is_empty() {
            let (_, done) = processor.process_some(&records).await;
            assert!(done > 0, "something is done each time");
            records.drain(..done);
            parts += 1;
        }
        assert!(parts > 1, "it was not all done at once");
        assert_eq!(letters(&process).await.len(), 20);
    });
}
