use std::sync::Arc;
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::address::Address;

/// Signals to other processes are collected for this time: a burst of commits is one signal.
const DEBOUNCE: Duration = Duration::from_millis(5);

/// The delay before a listener reconnects.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// A signal from committing tasks to waiting ones, in this process and in others on the same store.
///
/// Signals may be lost while a server restarts, so waiting tasks must poll as well. Between processes on one `SQLite`
/// file there are no signals.
#[derive(Debug, Clone)]
pub struct Wake {
    channel: &'static str,
    server: Option<Address>,
    pool: AnyPool,
    local: Arc<Notify>,
}

impl Wake {
    pub(crate) fn new(channel: &'static str, server: Option<Address>, pool: AnyPool) -> Self {
        Self { channel, server, pool, local: Arc::new(Notify::new()) }
    }

    /// Wakes the waiting task in this process. Does not block.
    pub fn signal(&self) {
        self.local.notify_one();
    }

    /// Waits for a signal, including one sent before the call.
    pub async fn signalled(&self) {
        self.local.notified().await;
    }

    /// Receives the signals of other processes, until it is dropped. For the task that acts on them.
    pub async fn listen(&self) {
        let Some(server) = &self.server else { return std::future::pending().await };
        loop {
            if let Err(error) = self.listen_on(&server.url).await {
                tracing::debug!(%error, "the listener lost the store");
            }
            sleep(RECONNECT_DELAY).await;
        }
    }

    async fn listen_on(&self, url: &str) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect(url).await?;
        listener.listen(self.channel).await?;
        loop {
            listener.recv().await?;
            self.signal();
        }
    }

    /// Forwards local signals to other processes, until it is dropped. For processes that leave the work to another.
    ///
    /// NOTIFY runs outside of the signalled transactions: inside, it would serialize their commits.
    pub async fn forward(&self) {
        loop {
            self.signalled().await;
            sleep(DEBOUNCE).await;
            if self.server.is_some() {
                let sent = sqlx::query("SELECT pg_notify($1, '')").bind(self.channel).execute(&self.pool).await;
                if let Err(error) = sent {
                    tracing::debug!(%error, "a signal was lost");
                }
            }
        }
    }
}
