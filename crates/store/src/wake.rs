use std::sync::Arc;
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::address::Address;

/// Signals to another process are gathered for this long: a burst of commits is one signal.
const GATHER: Duration = Duration::from_millis(5);

/// A pause before a listener that lost its server tries again.
const RELISTEN: Duration = Duration::from_secs(1);

/// A signal from whoever committed to whoever waits for it, in this process or in another one on the same store.
///
/// Signals may be lost while a server restarts: whoever waits looks from time to time all the same. Between processes on
/// one `SQLite` file there is no signal at all.
#[derive(Debug, Clone)]
pub struct Wake {
    channel: &'static str,
    server: Option<Address>,
    pool: AnyPool,
    here: Arc<Notify>,
}

impl Wake {
    pub(crate) fn new(channel: &'static str, server: Option<Address>, pool: AnyPool) -> Self {
        Self { channel, server, pool, here: Arc::new(Notify::new()) }
    }

    /// Wakes whoever waits in this process. Costs nothing, and never waits.
    pub fn signal(&self) {
        self.here.notify_one();
    }

    /// Waits for a signal. One that came before counts.
    pub async fn signalled(&self) {
        self.here.notified().await;
    }

    /// Turns signals of other processes into signals here, until it is dropped. For the one who acts on them.
    pub async fn listen(&self) {
        let Some(server) = &self.server else { return std::future::pending().await };
        loop {
            if let Err(error) = self.relay_from(&server.url).await {
                tracing::debug!(%error, "the listener lost the store");
            }
            sleep(RELISTEN).await;
        }
    }

    async fn relay_from(&self, url: &str) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect(url).await?;
        listener.listen(self.channel).await?;
        loop {
            listener.recv().await?;
            self.signal();
        }
    }

    /// Turns signals here into signals to other processes, until it is dropped. For the one who leaves it to another.
    ///
    /// Not part of the transactions that they tell of: NOTIFY in a transaction makes commits wait for each other.
    pub async fn forward(&self) {
        loop {
            self.signalled().await;
            sleep(GATHER).await;
            if self.server.is_some() {
                let told = sqlx::query("SELECT pg_notify($1, '')").bind(self.channel).execute(&self.pool).await;
                if let Err(error) = told {
                    tracing::debug!(%error, "a signal was lost");
                }
            }
        }
    }
}
