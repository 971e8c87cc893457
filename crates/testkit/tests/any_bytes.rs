//! Records with arbitrary bytes, against the mock broker of the client library. The tests of the fleet do the same with the
//! embedded broker and with Kafka.

use messaging::Record;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rdkafka::mocking::MockCluster;
use testkit::{ForgedRecord, Topics};
use tokio::runtime::Runtime;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![Just("ce_id"), Just("ce_type"), Just("a\0b"), Just(""), Just("\u{1b}[2J")];
    prop_oneof![vec(any::<u8>(), 0..20), text.prop_map(|text| text.as_bytes().to_vec())]
}

fn records() -> impl Strategy<Value = Vec<ForgedRecord>> {
    let headers = vec((bytes(), option::of(bytes())), 0..6);
    let timestamp = prop_oneof![Just(-1), Just(i64::MIN), Just(i64::MAX), any::<i64>()];
    let record = (option::of(bytes()), headers, option::of(bytes()), timestamp)
        .prop_map(|(key, headers, payload, timestamp)| ForgedRecord { key, headers, payload, timestamp });
    vec(record, 1..8)
}

/// The name of a header as the library returns it: up to the first U+0000, and nothing if it is not UTF-8.
fn name(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).ok()
}

fn assert_same(read: &Record, sent: &ForgedRecord) {
    assert_eq!((&read.key, &read.payload), (&sent.key, &sent.payload));
    let readable = sent.headers.iter().filter_map(|(bytes, value)| Some((name(bytes)?.to_owned(), value.clone())));
    let readable: Vec<_> = readable.collect();
    assert_eq!(read.unread_headers, sent.headers.len() - readable.len());
    assert_eq!(read.headers, readable);
}

#[test]
fn a_record_of_any_bytes_is_read_as_it_was_sent_and_what_cannot_be_read_is_counted() {
    let cluster = MockCluster::new(1).unwrap();
    let (runtime, brokers) = (Runtime::new().unwrap(), cluster.bootstrap_servers());
    let case = std::cell::Cell::new(0);
    TestRunner::new(Config { cases: 32, failure_persistence: None, ..Config::default() })
        .run(&records(), |sent| {
            case.set(case.get() + 1);
            let topics = Topics::at(&brokers, &format!("fleet{}", case.get())).unwrap();
            cluster.create_topic(&topics.name("context"), 1, 1).unwrap();
            let read = runtime.block_on(async {
                let codes = topics.forge("context", 0, &sent).await.unwrap();
                assert!(codes.iter().all(|code| *code == 0), "{codes:?}");
                topics.records("context").await.unwrap()
            });
            assert_eq!(read.len(), sent.len());
            read.iter().zip(&sent).for_each(|(read, sent)| assert_same(read, sent));
            // Decoding must not panic, whether or not the record is an event.
            for record in &read {
                drop(record.envelope());
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_record_has_its_headers_up_to_a_limit_and_costs_no_more_panics_than_that() {
    let cluster = MockCluster::new(1).unwrap();
    let topics = Topics::at(&cluster.bootstrap_servers(), "fleet").unwrap();
    cluster.create_topic(&topics.name("context"), 1, 1).unwrap();
    let of = |name: &[u8], count| {
        let headers = vec![(name.to_vec(), None); count];
        ForgedRecord { key: None, headers, payload: None, timestamp: 0 }
    };
    let read = Runtime::new().unwrap().block_on(async {
        topics.forge("context", 0, &[of(b"a", 5_000), of(&[0xff], 100_000)]).await.unwrap();
        topics.records("context").await.unwrap()
    });
    let counts: Vec<_> = read.iter().map(|record| (record.headers.len(), record.unread_headers)).collect();
    assert_eq!(counts, [(1_000, 4_000), (0, 100_000)]);
}
