//! What cannot be handled becomes a dead letter, once, and holds nobody up.

use test_stores::on_each_store;

use super::Process;
use super::tally::{FAILS_TWICE, PANICS, TOO_MUCH, counted, event, record};
use crate::{Record, Taken};

/// The letters' offsets and reasons, in the order of offsets.
async fn letters(process: &Process) -> Vec<(i64, String, u32)> {
    let letters = process.letters().await;
    let mut letters: Vec<_> = letters.into_iter().map(|l| (l.place.offset, l.reason, l.attempts)).collect();
    letters.sort();
    letters
}

fn poisons() -> Vec<Record> {
    let mut broken = counted(4, "d", 1, 1);
    broken.payload = vec![0xff];
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
fn what_cannot_be_handled_becomes_a_dead_letter_with_its_reason_and_all_else_is_applied() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let taken = process.batches().take(poisons()).await;
        assert_eq!(taken, Taken { applied: 3, repeated: 0, dead: 6 });
        assert_eq!((process.total(1).await, process.total(2).await, process.total(3).await), (3, 0, 4));
        let letters = letters(&process).await;
        let expected = [
            (1, "ce_specversion", 1),
            (2, "EOF", 1),
            (3, "invalid type", 1),
            (4, "not UTF-8", 1),
            (5, "constraint", 3),
            (6, "panicked", 3),
        ];
        assert_eq!(letters.len(), expected.len(), "{letters:?}");
        for ((offset, reason, attempts), (place, part, tried)) in letters.iter().zip(expected) {
            assert_eq!((*offset, *attempts), (place, tried), "{reason}");
            assert!(reason.contains(part), "{offset}: {reason}");
        }
    });
}

#[test]
fn a_dead_letter_is_written_once_however_often_its_record_comes() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        process.batches().take(poisons()).await;
        let before = letters(&process).await;
        let taken = process.batches().take(poisons()).await;
        assert_eq!((taken.applied, taken.dead), (0, 0));
        assert_eq!(letters(&process).await, before);
        assert_eq!(process.total(1).await, 3);
    });
}

#[test]
fn an_event_that_fails_for_a_while_is_tried_again_and_applied() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let taken = process.batches().take(vec![counted(0, "a", 1, FAILS_TWICE), counted(1, "b", 1, 1)]).await;
        assert_eq!(taken, Taken { applied: 2, repeated: 0, dead: 0 });
        assert_eq!((process.total(1).await, process.letters().await.len()), (2, 0));
    });
}

#[test]
fn bytes_that_no_store_can_keep_as_text_are_kept_in_a_dead_letter_all_the_same() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let mut odd_key = record(0, "a\0b", vec![("h\0".into(), vec![0, 0xff])], b"\0");
        let mut no_text = odd_key.clone();
        (no_text.place.offset, no_text.key) = (1, vec![0xff, 0]);
        odd_key.payload = b"{\"a\": \"\\u0000\"}".to_vec();
        let odd_id = counted(2, "id\0", 1, 1);
        let records = vec![odd_key, no_text, odd_id, counted(3, "good", 1, 1)];
        let taken = process.batches().take(records).await;
        assert_eq!(taken.applied + taken.dead, 4, "{taken:?}: nothing is lost");
        assert!(taken.dead >= 2);
        let letters = letters(&process).await;
        assert_eq!(letters.len(), taken.dead, "{letters:?}");
        assert_eq!((letters[0].0, letters[1].0), (0, 1));
        assert!(process.total(1).await >= 1);
    });
}
