//! The routes file may change while the gateway runs: requests under way end as they began, new ones go by the new file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use chassis::Host;
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tower::ServiceExt;

use crate::config::{Config, ConfigError};
use crate::guard::Guard;
use crate::trusted::Trusted;
use crate::{observe, replicas, router};

const RELOADS: &str = "gateway_reloads_total";

/// The file that says what leads where.
#[derive(Debug, Clone)]
pub struct RoutesFile(PathBuf);

/// Why a routes file is not put in force.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// It cannot be read.
    #[error("cannot read {} (set by GATEWAY_ROUTES): {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// It cannot be used.
    #[error("{} (set by GATEWAY_ROUTES): {source}", file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: ConfigError,
    },
    /// It asks for what only a new start can give.
    #[error("[identity] has changed: that needs a restart")]
    Identity,
}

/// What was in the file, and what that means.
#[derive(Debug)]
pub struct Read {
    text: String,
    /// What it means.
    pub config: Config,
}

impl RoutesFile {
    /// The one at this path.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Reads and checks it.
    pub fn read(&self) -> Result<Read, ReloadError> {
        let Self(file) = self;
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|source| ReloadError::File { file: file.clone(), source })?;
        Ok(Read { config: self.parse(&text)?, text })
    }

    fn parse(&self, text: &str) -> Result<Config, ReloadError> {
        let config = Config::parse(text, |name| std::env::var(name).ok());
        config.map_err(|source| ReloadError::Config { file: self.0.clone(), source })
    }
}

/// The routes that are in force.
struct InForce {
    file: RoutesFile,
    router: RwLock<Router>,
    identity: Option<Trusted>,
    guard: Option<Arc<Guard>>,
    host: Host,
}

/// Answers by the file that was `read`, and by what it says later: it is looked at every so often, and at SIGHUP.
pub fn start(
    file: RoutesFile,
    read: Read,
    guard: Option<Guard>,
    every: Duration,
    host: &Host,
) -> std::io::Result<Router> {
    observe::describe();
    replicas::describe();
    metrics::describe_counter!(RELOADS, "Changes of the routes file, by what became of them");
    let guard = guard.map(Arc::new);
    let identity = read.config.identity.clone();
    let router = RwLock::new(router(read.config, guard.clone(), host));
    let in_force = Arc::new(InForce { file, router, identity, guard, host: host.clone() });
    let (watching, stopping, asked) = (Arc::clone(&in_force), host.stopping(), signal(SignalKind::hangup())?);
    host.spawn("routes file", async move {
        stopping.run_until_cancelled(watching.watch(read.text, every, asked)).await;
    });
    // Not a fallback: that place belongs to chassis.
    Ok(Router::new().route("/", any(answer)).route("/{*path}", any(answer)).with_state(in_force))
}

async fn answer(State(in_force): State<Arc<InForce>>, request: Request) -> Response {
    let router = in_force.router.read().unwrap_or_else(PoisonError::into_inner).clone();
    router.oneshot(request).await.unwrap_or_else(|never| match never {})
}

impl InForce {
    async fn watch(&self, mut text: String, every: Duration, mut asked: Signal) {
        loop {
            tokio::select! {
                () = sleep(every) => {}
                _ = asked.recv() => tracing::info!("told to look at the routes file"),
            }
            // One that cannot be read for a moment is about to be replaced.
            let Ok(now) = std::fs::read_to_string(&self.file.0) else { continue };
            if now == text {
                continue;
            }
            text = now;
            match self.put_in_force(&text) {
                Ok(()) => {
                    metrics::counter!(RELOADS, "result" => "in_force").increment(1);
                    tracing::info!("the routes file has changed, and is in force");
                }
                Err(error) => {
                    metrics::counter!(RELOADS, "result" => "refused").increment(1);
                    tracing::error!(%error, "the routes file has changed, and is refused: that of before stays in force");
                }
            }
        }
    }

    fn put_in_force(&self, text: &str) -> Result<(), ReloadError> {
        let config = self.file.parse(text)?;
        if config.identity != self.identity {
            return Err(ReloadError::Identity);
        }
        if let Some(guard) = &self.guard {
            guard.serve(&config);
        }
        let new = router(config, self.guard.clone(), &self.host);
        *self.router.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }
}
