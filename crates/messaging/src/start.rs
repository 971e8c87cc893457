use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Ids};
use axum::Router;
use chassis::Host;
use rdkafka::error::KafkaError;
use store::{Migrations, Store};
use tokio::time::sleep;

use crate::inbound::batch::BatchProcessor;
use crate::inbound::consumer::Consumer;
use crate::inbound::inbox;
use crate::kafka::admission::Admission;
use crate::kafka::broker::KafkaBroker;
use crate::kafka::consumer_group::CurrentConsumer;
use crate::kafka::topics::Topics;
use crate::operate::routes::{OperatorState, routes};
use crate::operate::status::{self, StatusSource};
use crate::outbound::relay::Relay;
use crate::trace_links::TraceLinks;
use crate::{BatchOutcome, Broker, Config, EventHandler, Outbox, Record};

/// The tables of this crate, in the store of every context that uses it.
pub const MIGRATIONS: Migrations =
    Migrations { postgres: &sqlx::migrate!("migrations/postgres"), sqlite: &sqlx::migrate!("migrations/sqlite") };

/// A consumer without a heartbeat for this long is stuck. While it waits for the store, it sends heartbeats.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_mins(2);

/// How often the depth of the outbox and the lag of the consumer are measured.
const MEASURE_INTERVAL: Duration = Duration::from_secs(5);

/// How often the inbox is purged.
const PURGE_INTERVAL: Duration = Duration::from_mins(10);

/// The messaging of one context in one process.
#[derive(Clone)]
pub struct Messaging {
    config: Config,
    context: &'static str,
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    outbox: Outbox,
    trace_links: TraceLinks,
    current: CurrentConsumer,
    admission: Admission,
}

impl Messaging {
    /// The messaging of `context`, whose store is `store`. Nothing runs before [`Messaging::start`].
    pub fn new(config: &Config, context: &'static str, store: &Store, host: &Host) -> Self {
        let (clock, ids) = (host.clock(), host.ids());
        let outbox = Outbox::new(store, config, context, Arc::clone(&clock), Arc::clone(&ids));
        Self {
            config: config.clone(),
            context,
            store: store.clone(),
            clock,
            ids,
            outbox,
            trace_links: TraceLinks(host.spans()),
            current: CurrentConsumer::default(),
            admission: Admission::default(),
        }
    }

    /// The outbox of the context.
    pub fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// Starts the relay and the consumer in the background. Returns the routes for the operators of the context.
    ///
    /// # Errors
    ///
    /// If the settings of the broker are invalid; an unavailable broker is no error.
    pub fn start<P: EventHandler>(self, host: &Host, policies: P) -> Result<Router, KafkaError> {
        let policies = Arc::new(policies);
        let topics = topics(&self.config, P::CONTEXTS);
        let broker = self.broker(&topics)?;
        self.start_relay(host, Arc::clone(&broker));
        self.start_consumer(host, broker, topics.clone(), Arc::clone(&policies));
        let source = self.status_source(topics);
        self.start_upkeep(host, source.clone());
        let needed = P::IS_READ_MODEL.then(|| self.current.clone());
        host.readiness("broker", status::broker_readiness(needed, self.admission.clone()));
        Ok(routes(OperatorState { source, outbox: self.outbox, ids: self.ids, policies }))
    }

    /// Processes records as the consumer does: for tests and simulations without a broker.
    pub async fn process<P: EventHandler>(&self, policies: &Arc<P>, records: Vec<Record>) -> BatchOutcome {
        self.processor(Arc::clone(policies), Arc::new(|| {})).process(records).await
    }

    fn broker(&self, consumed: &[String]) -> Result<Arc<dyn Broker>, KafkaError> {
        if let Some(replacement) = &self.config.broker.0 {
            return Ok(Arc::clone(replacement));
        }
        let own = [self.config.topic(self.context), self.config.dead_letter_topic(self.context)];
        let names = consumed.iter().cloned().chain(own).collect();
        let topics = Topics::new(&self.config, names, self.admission.clone());
        Ok(Arc::new(KafkaBroker::new(topics, self.current.clone())?))
    }

    fn start_relay(&self, host: &Host, publisher: Arc<dyn Broker>) {
        let relay = Relay {
            store: self.store.clone(),
            outbox: self.outbox.clone(),
            publisher,
            config: self.config.clone(),
            source: format!("/{}/{}", self.config.fleet, self.context),
            trace_links: self.trace_links.clone(),
        };
        let stop = host.stopping();
        host.spawn("relay", async move { relay.run(&stop).await });
    }

    fn start_consumer<P: EventHandler>(
        &self,
        host: &Host,
        broker: Arc<dyn Broker>,
        topics: Vec<String>,
        policies: Arc<P>,
    ) {
        let heartbeat = host.heartbeat("consumer", HEARTBEAT_TIMEOUT);
        let consumer = Consumer {
            processor: self.processor(policies, Arc::new(move || heartbeat.beat())),
            ids: Arc::clone(&self.ids),
            topics,
            broker,
        };
        let stop = host.stopping();
        host.spawn("consumer", async move { consumer.run(&stop).await });
    }

    fn processor<P: EventHandler>(
        &self,
        policies: Arc<P>,
        heartbeat: Arc<dyn Fn() + Send + Sync>,
    ) -> BatchProcessor<P> {
        BatchProcessor {
            context: self.context,
            policies,
            store: self.store.clone(),
            outbox: self.outbox.clone(),
            clock: Arc::clone(&self.clock),
            config: self.config.clone(),
            trace_links: self.trace_links.clone(),
            heartbeat,
        }
    }

    fn status_source(&self, topics: Vec<String>) -> StatusSource {
        StatusSource {
            context: self.context,
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            current: self.current.clone(),
            topics,
            dead_letter_topic: self.config.dead_letter_topic(self.context),
        }
    }

    fn start_upkeep(&self, host: &Host, source: StatusSource) {
        let stop = host.stopping();
        let this = self.clone();
        host.spawn("messaging upkeep", async move {
            tokio::join!(stop.run_until_cancelled(measure(&source)), stop.run_until_cancelled(this.purge()),);
        });
    }

    async fn purge(&self) {
        loop {
            match inbox::purge(&self.store, self.clock.now(), self.config.inbox_retention).await {
                Ok(purged) => tracing::debug!(purged, "purged the inbox"),
                Err(error) => tracing::warn!(%error, "the inbox was not purged"),
            }
            sleep(PURGE_INTERVAL).await;
        }
    }
}

async fn measure(source: &StatusSource) {
    loop {
        status::measure(source).await;
        sleep(MEASURE_INTERVAL).await;
    }
}

/// The topics of these contexts, each once: librdkafka crashes when it is to create one topic twice.
fn topics(config: &Config, contexts: &[&str]) -> Vec<String> {
    let contexts: BTreeSet<&str> = contexts.iter().copied().collect();
    contexts.into_iter().map(|context| config.topic(context)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Security, admin};

    #[test]
    fn a_context_of_several_events_has_one_topic() {
        let security = Security::default();
        let config = admin::config("127.0.0.1:9092", &security, "harbour").unwrap();
        assert_eq!(topics(&config, &["crane", "boat", "crane"]), ["harbour.boat", "harbour.crane"]);
    }
}
