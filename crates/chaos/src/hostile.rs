use std::collections::BTreeSet;

use anyhow::Result;
use audit::{Journal, Verdict};
use messaging::RecordPosition;
use testkit::{RawRecord, Topics};
use tokio::task::JoinSet;

use crate::scenario::{Consumers, SampleEvent};

/// More than half of what a broker accepts in one record.
const LARGE: usize = 520_000;

/// Records that no context can handle, published into the fleet's topics as a foreign producer would.
#[derive(Default)]
pub struct HostileRecords {
    sending: JoinSet<Result<Vec<RecordPosition>>>,
    positions: Vec<RecordPosition>,
}

impl HostileRecords {
    /// Publishes one record of each kind to the topic of `context`, in the background: the broker may be unavailable.
    pub fn publish(&mut self, topics: Topics, context: &str, sample: SampleEvent) {
        let context = context.to_owned();
        self.sending.spawn(async move { topics.send(&context, records(sample)).await });
    }

    /// Waits until the broker has stored all of them.
    pub async fn delivered(&mut self) -> Result<&[RecordPosition]> {
        while let Some(published) = self.sending.join_next().await {
            self.positions.extend(published??);
        }
        Ok(&self.positions)
    }
}

/// One record of each kind. All of them break the envelope, so every context that consumes the topic must reject them.
fn records(sample: SampleEvent) -> Vec<RawRecord> {
    let SampleEvent { kind, subject, data } = sample;
    let envelope = |id: &[u8]| {
        let headers: [(&'static str, &[u8]); 6] = [
            ("ce_specversion", b"1.0"),
            ("ce_id", id),
            ("ce_source", b"/chaos"),
            ("ce_type", kind.as_bytes()),
            ("ce_subject", subject.as_bytes()),
            ("ce_time", b"2026-11-29T00:00:00Z"),
        ];
        headers.map(|(name, value)| (name, value.to_vec())).to_vec()
    };
    let data = data.as_bytes().to_vec();
    let record = |key: &str, headers, payload| RawRecord { key: key.to_owned(), headers, payload };
    vec![
        record(subject, Vec::new(), vec![0xff, 0xfe, 0x00]),
        record(subject, envelope(b"a\0b"), data.clone()),
        record(subject, envelope(&[0xff]), data.clone()),
        record("another subject", envelope(b"another subject"), data),
        record(subject, Vec::new(), vec![b'x'; LARGE]),
        record("", vec![("ce_type", vec![b'x'; LARGE / 2])], Vec::new()),
    ]
}

/// Each hostile record is an unresolved dead letter of each context that consumes its topic.
pub fn judge(journal: &Journal, positions: &[RecordPosition], consumers: &[Consumers]) -> Verdict {
    let mut verdict =
        Verdict::new("each hostile record is a dead letter of each context that consumes its topic, and nothing else");
    verdict.looked_at = positions.len();
    let letters: BTreeSet<(&str, &RecordPosition)> =
        journal.unresolved_letters().iter().map(|(context, letter)| (context.as_str(), &letter.place)).collect();
    for position in positions {
        let topic = position.topic.rsplit('.').next().unwrap_or_default();
        for context in consumers.iter().filter(|consumers| consumers.topic == topic).flat_map(|of| of.contexts) {
            if !letters.contains(&(*context, position)) {
                verdict.violated(0, format!("{position} is not a dead letter of {context}"));
            }
        }
    }
    verdict
}
