//! A context that adds up numbers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use events::{DecodeError, Envelope};
use serde::Serialize;
use sqlx::FromRow;
use store::{Column, Dialect, Table, Tx};

use super::{Counted, Counter, NOW, Process};
use crate::inbound::batch::BatchProcessor;
use crate::{DeadLetter, EventHandler, Outbox, Received, Record, RecordPosition, StagedEvents};

const TABLE: Table = Table { name: "tally", key: "id", columns: &[("id", Column::Number), ("total", Column::Number)] };

/// A number that the table rejects.
pub(super) const TOO_MUCH: i64 = 1_000;
/// The handler panics.
pub(super) const PANICS: i64 = -1;
/// The store is unavailable for two attempts.
pub(super) const FAILS_TWICE: i64 = -2;
/// Decoding panics.
pub(super) const DECODE_PANICS: i64 = -4;
/// The handler loses its connection to the server in the first attempt.
pub(super) const LOSES_CONNECTION: i64 = -3;

#[derive(Debug, FromRow, Serialize)]
struct Row {
    id: i64,
    total: i64,
}

#[derive(Default)]
pub(super) struct Tally {
    attempts: AtomicU32,
    /// The ids of the events that were passed to `applied`.
    pub(super) applied: Mutex<Vec<String>>,
}

#[async_trait]
impl EventHandler for Tally {
    type Event = Counted;

    const CONTEXTS: &'static [&'static str] = &["counter"];

    fn decode(&self, envelope: &Envelope) -> Result<Option<Counted>, DecodeError> {
        let counted = match envelope.event()? {
            Some(Counter::Counted(counted)) => Some(counted),
            Some(Counter::Noted(_)) | None => None,
        };
        assert!(counted.as_ref().is_none_or(|counted| counted.n != DECODE_PANICS), "as the test demands");
        Ok(counted)
    }

    async fn apply(
        &self,
        tx: &mut Tx,
        events: &[Received<Counted>],
        outbox: &Outbox,
        pending: &mut StagedEvents,
    ) -> Result<(), sqlx::Error> {
        let dialect = if tx.backend_name() == "SQLite" { Dialect::Sqlite } else { Dialect::Postgres };
        let ids: BTreeSet<i64> = events.iter().map(|received| received.event.id).collect();
        let mut rows: Vec<Row> = TABLE.lock_or_insert(tx, dialect, &Vec::from_iter(ids)).await?;
        for Received { event, .. } in events {
            self.may_fail(tx, event.n).await?;
            rows.iter_mut().filter(|row| row.id == event.id).for_each(|row| row.total += event.n.max(1));
            outbox.stage(pending, &Counter::Counted(event.clone()), None)?;
        }
        TABLE.write(tx, dialect, &rows).await
    }

    async fn applied(&self, events: &[Received<Counted>]) {
        self.applied.lock().unwrap().extend(events.iter().map(|received| received.id.clone()));
    }
}

impl Tally {
    async fn may_fail(&self, tx: &mut Tx, n: i64) -> Result<(), sqlx::Error> {
        match n {
            PANICS => panic!("as the test demands"),
            FAILS_TWICE if self.attempts.fetch_add(1, Ordering::SeqCst) < 2 => Err(sqlx::Error::PoolTimedOut),
            LOSES_CONNECTION if self.attempts.fetch_add(1, Ordering::SeqCst) < 1 => {
                sqlx::query("SELECT pg_terminate_backend(pg_backend_pid())").execute(&mut **tx).await.map(drop)
            }
            _ => Ok(()),
        }
    }
}

impl Process {
    pub(super) fn processor(&self) -> BatchProcessor<Tally> {
        BatchProcessor {
            context: "reader",
            policies: Arc::default(),
            store: self.store.clone(),
            outbox: self.outbox.clone(),
            clock: self.clock.clone(),
            config: self.config.clone(),
            trace_links: self.trace_links.clone(),
            heartbeat: Arc::new(|| {}),
        }
    }

    /// The total of `id`; 0 without a row.
    pub(super) async fn total(&self, id: i64) -> i64 {
        let sql = "SELECT total FROM tally WHERE id = $1";
        let total = sqlx::query_scalar(sql).bind(id).fetch_optional(self.store.reader()).await.unwrap();
        total.unwrap_or(0)
    }

    /// Its own events of `id` in the outbox.
    pub(super) async fn staged(&self, id: i64) -> Vec<Counted> {
        let waiting = self.waiting().await;
        let own = waiting.iter().filter(|(topic, _)| topic == "test.reader");
        own.map(|(_, data)| serde_json::from_str(data).unwrap()).filter(|counted: &Counted| counted.id == id).collect()
    }

    /// Its dead letters in the outbox.
    pub(super) async fn letters(&self) -> Vec<DeadLetter> {
        let waiting = self.waiting().await;
        let letters = waiting.iter().filter(|(topic, _)| topic == "test.reader.dead-letters");
        letters.map(|(_, data)| serde_json::from_str(data).unwrap()).collect()
    }
}

fn place(offset: i64) -> RecordPosition {
    RecordPosition { topic: "test.counter".into(), partition: 0, offset }
}

/// A record.
pub(super) fn record(offset: i64, key: &str, headers: Vec<(String, Vec<u8>)>, payload: &[u8]) -> Record {
    let headers = headers.into_iter().map(|(name, value)| (name, Some(value))).collect();
    let (key, payload) = (Some(key.as_bytes().to_vec()), Some(payload.to_vec()));
    Record { key, headers, payload, ..Record::empty(place(offset)) }
}

/// The record of an event with this id.
pub(super) fn event(offset: i64, event_id: &str, kind: &str, id: i64, data: &str) -> Record {
    let envelope = Envelope {
        id: event_id.to_owned(),
        source: "/test/counter".to_owned(),
        kind: kind.to_owned(),
        subject: id.to_string(),
        time: NOW,
        trace: None,
        data: data.to_owned(),
    };
    Record::carrying(&envelope, place(offset))
}

/// The record of a count.
pub(super) fn counted(offset: i64, event_id: &str, id: i64, n: i64) -> Record {
    event(offset, event_id, "Counted", id, &format!("{{\"id\":{id},\"n\":{n}}}"))
}
