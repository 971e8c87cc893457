use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Ids};
use axum::Router;
use chassis::Host;
use rdkafka::error::KafkaError;
use store::{Migrations, Store};
use tokio::time::sleep;

use crate::admission::Admission;
use crate::batch::Batches;
use crate::consumer::Consumer;
use crate::follow::Follower;
use crate::kafka::{Kafka, Topics};
use crate::member::Current;
use crate::relay::Relay;
use crate::{Broker, Config, Outbox, Policies, Record, Taken, inbox, routes, status};

/// The tables of this crate, in the store of every context that uses it.
pub const MIGRATIONS: Migrations =
    Migrations { postgres: &sqlx::migrate!("migrations/postgres"), sqlite: &sqlx::migrate!("migrations/sqlite") };

/// A consumer that has not come round for this long is stuck. It says that it lives while it waits for a store that is away.
const CONSUMER_STUCK: Duration = Duration::from_mins(2);

/// How often the depth of the outbox and the lag of the consumer are measured.
const GAUGE_EVERY: Duration = Duration::from_secs(5);

/// How often the inbox is purged.
const PURGE_EVERY: Duration = Duration::from_mins(10);

/// The messaging of one context in one process.
#[derive(Clone)]
pub struct Messaging {
    pub(crate) config: Config,
    pub(crate) context: &'static str,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) outbox: Outbox,
    pub(crate) follower: Follower,
    pub(crate) current: Current,
    admission: Admission,
    pub(crate) topics: Vec<String>,
}

impl Messaging {
    /// The messaging of `context`, whose store is `store`. Nothing runs before [`Messaging::start`].
    pub fn new(config: &Config, context: &'static str, store: &Store, host: &Host) -> Self {
        let (clock, ids) = (host.clock(), host.ids());
        let outbox = Outbox::new(store, &config.topic(context), Arc::clone(&clock), Arc::clone(&ids));
        Self {
            config: config.clone(),
            context,
            store: store.clone(),
            clock,
            ids,
            outbox,
            follower: Follower(host.spans()),
            current: Current::default(),
            admission: Admission::default(),
            topics: Vec::new(),
        }
    }

    /// Where the context puts what it says.
    pub fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// Starts the relay and the consumer in the background, and gives the routes for whoever operates the context.
    ///
    /// # Errors
    ///
    /// When the settings for the broker are refused; a broker that is away is no error.
    pub fn start<P: Policies>(mut self, host: &Host, policies: P) -> Result<Router, KafkaError> {
        let policies = Arc::new(policies);
        self.topics = P::CONTEXTS.iter().map(|context| self.config.topic(context)).collect();
        let broker = self.broker()?;
        self.start_relay(host, Arc::clone(&broker));
        self.start_consumer(host, broker, Arc::clone(&policies));
        self.start_upkeep(host);
        let needed = P::ONLY_CONSUMES.then(|| self.current.clone());
        host.readiness("broker", status::broker_readiness(needed, self.admission.clone()));
        Ok(routes::routes(Arc::new(self), policies))
    }

    /// Takes records as the consumer does: for tests and simulations, which bring them without a broker.
    pub async fn take<P: Policies>(&self, policies: &Arc<P>, records: Vec<Record>) -> Taken {
        self.batches(Arc::clone(policies), Arc::new(|| {})).take(records).await
    }

    fn broker(&self) -> Result<Arc<dyn Broker>, KafkaError> {
        if let Some(other) = &self.config.broker.0 {
            return Ok(Arc::clone(other));
        }
        let own = [self.config.topic(self.context), self.config.dead_letter_topic(self.context)];
        let topics =
            Topics::new(&self.config, self.topics.iter().cloned().chain(own).collect(), self.admission.clone());
        Ok(Arc::new(Kafka::new(topics, self.current.clone())?))
    }

    fn start_relay(&self, host: &Host, publisher: Arc<dyn Broker>) {
        let relay = Relay {
            store: self.store.clone(),
            outbox: self.outbox.clone(),
            publisher,
            config: self.config.clone(),
            source: format!("/{}/{}", self.config.fleet, self.context),
            follower: self.follower.clone(),
        };
        let stop = host.stopping();
        host.spawn("relay", async move { relay.run(&stop).await });
    }

    fn start_consumer<P: Policies>(&self, host: &Host, broker: Arc<dyn Broker>, policies: Arc<P>) {
        let heartbeat = host.heartbeat("consumer", CONSUMER_STUCK);
        let consumer = Consumer {
            batches: self.batches(policies, Arc::new(move || heartbeat.beat())),
            ids: Arc::clone(&self.ids),
            listen: self.topics.clone(),
            broker,
        };
        let stop = host.stopping();
        host.spawn("consumer", async move { consumer.run(&stop).await });
    }

    fn batches<P: Policies>(&self, policies: Arc<P>, beat: Arc<dyn Fn() + Send + Sync>) -> Batches<P> {
        Batches {
            context: self.context,
            policies,
            store: self.store.clone(),
            outbox: self.outbox.clone(),
            clock: Arc::clone(&self.clock),
            config: self.config.clone(),
            follower: self.follower.clone(),
            beat,
        }
    }

    fn start_upkeep(&self, host: &Host) {
        let stop = host.stopping();
        let this = self.clone();
        host.spawn("messaging upkeep", async move {
            tokio::join!(stop.run_until_cancelled(this.measure()), stop.run_until_cancelled(this.purge()),);
        });
    }

    async fn measure(&self) {
        loop {
            status::measure(self).await;
            sleep(GAUGE_EVERY).await;
        }
    }

    async fn purge(&self) {
        loop {
            match inbox::purge(&self.store, self.clock.now(), self.config.inbox_retention).await {
                Ok(forgotten) => tracing::debug!(forgotten, "purged the inbox"),
                Err(error) => tracing::warn!(%error, "the inbox was not purged"),
            }
            sleep(PURGE_EVERY).await;
        }
    }
}
