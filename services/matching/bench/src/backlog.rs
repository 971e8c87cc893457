//! Topics full of events that a consumer has missed.

use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Ids};
use anyhow::{Result, ensure};
use events::{Envelope, EventSet, TraceContext};
use match_contract::{MatchCanceled, MatchEvent, MatchRequested};
use payment_contract::{PaymentApproved, PaymentEvent};
use payment_service::Payments;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use store::{Migrations, Store};
use tokio::time::Instant;
use visit_contract::{VisitAssigned, VisitEvent};

use crate::figure::number;
use crate::site::{Site, kafka_client};

const ATTEMPT: i64 = 1;
const PRICE: i64 = 50_000;

/// How long the broker may take over the whole of it.
const LIMIT: Duration = Duration::from_mins(1);

/// What one consumer has missed. It acts on every one of these events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backlog {
    /// Payments that are approved.
    Visit,
    /// Matches and their payments: half of the events each.
    MyPage,
    /// Visits that are assigned to matches it knows.
    Match,
    /// Matches that are cancelled and were paid.
    Payment,
}

impl Backlog {
    /// One for each consumer.
    pub const ALL: [Self; 4] = [Self::Visit, Self::MyPage, Self::Match, Self::Payment];

    /// Who has missed it.
    pub const fn consumer(self) -> &'static str {
        match self {
            Self::Visit => "visit",
            Self::MyPage => "mypage",
            Self::Match => "match",
            Self::Payment => "payment",
        }
    }

    /// What it consists of.
    pub const fn events(self) -> &'static str {
        match self {
            Self::Visit => "PaymentApproved",
            Self::MyPage => "MatchRequested and PaymentApproved",
            Self::Match => "VisitAssigned",
            Self::Payment => "MatchCanceled",
        }
    }

    /// Makes the store of the consumer, with what it knew before it went away.
    pub async fn prepare(self, site: &Site, fleet: &str, events: i64) -> Result<()> {
        let (sets, sql): (Vec<Migrations>, _) = match self {
            Self::Visit | Self::MyPage => return Ok(()),
            Self::Match => (
                context::migrations::<match_service::Matches>(),
                "INSERT INTO matches (id, attempt, price, phase, step, settle_at) \
                 SELECT id, $1, $2, 'established', 'matchRequested', 0 FROM generate_series(1, $3) AS id",
            ),
            Self::Payment => (
                context::migrations::<Payments>(),
                "INSERT INTO payments (match_id, attempt, price, state) \
                 SELECT id, $1, $2, 'Approved' FROM generate_series(1, $3) AS id",
            ),
        };
        let url = site.database(fleet, self.consumer()).await?;
        Store::open(&crate::triples::settings(&["--store-url", &url])?, &sets).await?;
        let mut connection = PgConnection::connect(&url).await?;
        sqlx::query(sql).bind(ATTEMPT).bind(PRICE).bind(events).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Writes the events into their topics, and tells which these are.
    pub async fn fill(self, site: &Site, fleet: &str, events: i64) -> Result<Vec<String>> {
        let topics: Vec<String> = self.contexts().iter().map(|context| format!("{fleet}.{context}")).collect();
        for topic in &topics {
            site.topic(topic).await?;
        }
        let writer = Writer {
            producer: kafka_client(&site.kafka).set("linger.ms", "5").create()?,
            fleet: fleet.to_owned(),
            clock: Arc::clone(&site.clock),
            ids: Arc::clone(&site.ids),
        };
        tokio::task::spawn_blocking(move || {
            (1..=events).try_for_each(|number| self.write(&writer, number))?;
            Ok::<_, anyhow::Error>(writer.producer.flush(LIMIT)?)
        })
        .await??;
        Ok(topics)
    }

    fn contexts(self) -> &'static [&'static str] {
        match self {
            Self::Visit => &[PaymentEvent::CONTEXT],
            Self::MyPage => &[MatchEvent::CONTEXT, PaymentEvent::CONTEXT],
            Self::Match => &[VisitEvent::CONTEXT],
            Self::Payment => &[MatchEvent::CONTEXT],
        }
    }

    fn write(self, writer: &Writer, number: i64) -> Result<()> {
        let attempt = ATTEMPT;
        let approved = |match_id| PaymentEvent::PaymentApproved(PaymentApproved { match_id, attempt, price: PRICE });
        match self {
            Self::Visit => writer.write(&approved(number)),
            // The match 1 is told of by the events 1 and 2.
            Self::MyPage if number % 2 == 0 => writer.write(&approved(number / 2)),
            Self::MyPage => {
                let requested = MatchRequested { id: number.midpoint(1), attempt, price: PRICE, student: None };
                writer.write(&MatchEvent::MatchRequested(requested))
            }
            Self::Match => writer.write(&VisitEvent::VisitAssigned(VisitAssigned {
                match_id: number,
                attempt,
                teacher: "TEACHER".to_owned(),
                visit_date: "2027-01-21".to_owned(),
                tutor: None,
            })),
            Self::Payment => writer.write(&MatchEvent::MatchCanceled(MatchCanceled { id: number, attempt })),
        }
    }
}

/// Writes events as the relays do.
struct Writer {
    producer: ThreadedProducer<DefaultProducerContext>,
    fleet: String,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
}

impl Writer {
    fn write<E: EventSet>(&self, event: &E) -> Result<()> {
        let (kind, data) = events::encode(event)?;
        let envelope = Envelope {
            id: self.ids.uuid().to_string(),
            source: format!("/{}/{}", self.fleet, E::CONTEXT),
            kind,
            subject: event.key().to_string(),
            time: self.clock.now(),
            trace: Some(TraceContext::new(&self.ids)),
            data,
        };
        let headers = envelope
            .headers()
            .iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(value.as_bytes()) }));
        let topic = format!("{}.{}", self.fleet, E::CONTEXT);
        let mut record = BaseRecord::to(&topic).key(&envelope.subject).payload(&envelope.data).headers(headers);
        while let Err((error, unsent)) = self.producer.send(record) {
            ensure!(error == KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), error);
            // Its thread empties the queue meanwhile.
            self.producer.poll(Duration::from_millis(10));
            record = unsent;
        }
        Ok(())
    }
}

/// Records per second that librdkafka reads when nothing is done with them. Blocks.
pub fn bulk_rate(brokers: &str, topics: &[String], events: i64) -> Result<f64> {
    let consumer: BaseConsumer = kafka_client(brokers).set("group.id", "flotilla-bench-bulk").create()?;
    let mut all = TopicPartitionList::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), LIMIT)?;
        for partition in metadata.topics().iter().flat_map(MetadataTopic::partitions) {
            all.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
        }
    }
    let began = Instant::now();
    consumer.assign(&all)?;
    let mut read = 0;
    while read < events {
        match consumer.poll(LIMIT) {
            Some(record) => drop(record?),
            None => anyhow::bail!("the broker has given {read} of {events} records"),
        }
        read += 1;
    }
    Ok(number(read) / began.elapsed().as_secs_f64())
}
