//! The routes file may change while the gateway runs: requests under way end as they began, new ones go by the new file.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use chassis::{Answers, App, Host, OWN_PATHS};
use futures_util::future::{BoxFuture, Either};
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tower::{Service, service_fn};

use crate::config::{Config, ConfigError};
use crate::edge::Edge;
use crate::guard::Guard;
use crate::trusted::Trusted;
use crate::{observe, replicas};

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

/// What the gateway answers by the routes file that is in force. Clones are the same.
#[derive(Debug, Clone)]
pub struct InForce(Arc<RwLock<Arc<Edge>>>);

impl InForce {
    /// Answers by this configuration.
    pub fn new(config: Config, guard: Option<Arc<Guard>>, host: &Host) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(Edge::new(config, guard, host)))))
    }

    fn edge(&self) -> Arc<Edge> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Service<Request> for InForce {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let edge = self.edge();
        Box::pin(async move { Ok(edge.answer(request).await) })
    }
}

impl App for InForce {
    fn within(self, host: &Host, config: &chassis::Config) -> impl Answers {
        let (own, gateway) = (chassis::router(Router::new(), host, config), self);
        service_fn(move |request: Request| {
            if OWN_PATHS.contains(&request.uri().path()) {
                Either::Left(own.clone().call(request))
            } else {
                Either::Right(gateway.clone().call(request))
            }
        })
    }
}

/// Looks at the routes file.
struct Watch {
    file: RoutesFile,
    in_force: InForce,
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
) -> std::io::Result<InForce> {
    observe::describe();
    replicas::describe();
    metrics::describe_counter!(RELOADS, "Changes of the routes file, by what became of them");
    let guard = guard.map(Arc::new);
    let identity = read.config.identity.clone();
    let in_force = InForce::new(read.config, guard.clone(), host);
    let watch = Watch { file, in_force: in_force.clone(), identity, guard, host: host.clone() };
    let (stopping, asked) = (host.stopping(), signal(SignalKind::hangup())?);
    host.spawn("routes file", async move {
        stopping.run_until_cancelled(watch.watch(read.text, every, asked)).await;
    });
    Ok(in_force)
}

impl Watch {
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
        let new = Arc::new(Edge::new(config, self.guard.clone(), &self.host));
        *self.in_force.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }
}
