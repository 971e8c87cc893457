use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::OnceCell;

use super::admission::Admission;
use super::client::client;
use crate::Config;

/// How long a request to create topics may take.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The topics that a context publishes to or consumes from.
#[derive(Clone)]
pub(crate) struct Topics {
    pub(crate) config: Config,
    /// A request that names a topic twice is invalid, and a context may consume its own.
    names: BTreeSet<String>,
    exist: Arc<OnceCell<()>>,
    pub(crate) admission: Admission,
}

impl Topics {
    pub(crate) fn new(config: &Config, names: BTreeSet<String>, admission: Admission) -> Self {
        Self { config: config.clone(), names, exist: Arc::default(), admission }
    }

    /// Creates the topics that do not exist yet, once per process.
    ///
    /// To be called before anything is published: topics that the broker creates by itself would expire their events.
    pub(crate) async fn ensure(&self) -> Result<(), KafkaError> {
        self.exist.get_or_try_init(|| self.create()).await.map(drop)
    }

    async fn create(&self) -> Result<(), KafkaError> {
        let admin: AdminClient<DefaultClientContext> = client(&self.config)?.create()?;
        // Events are kept for ever: the rebuild of a view needs all of them.
        let keep_for_ever = |topic| {
            let copies = TopicReplication::Fixed(self.config.topic_replication);
            NewTopic::new(topic, self.config.topic_partitions, copies).set("retention.ms", "-1")
        };
        let new: Vec<_> = self.names.iter().map(|topic| keep_for_ever(topic)).collect();
        let options = AdminOptions::new().request_timeout(Some(ADMIN_TIMEOUT)).operation_timeout(Some(ADMIN_TIMEOUT));
        let response = admin.create_topics(&new, &options).await;
        // Dropping the client blocks.
        drop(tokio::task::spawn_blocking(move || drop(admin)));
        let results = response?;
        self.admission.accept();
        results.into_iter().try_for_each(|result| match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
            Err((_, code)) => Err(KafkaError::AdminOp(code)),
        })
    }
}
