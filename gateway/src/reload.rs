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
use crate::documentation::Documentation;
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
    /// The document that it names cannot be shown.
    #[error("{} (set by openapi in the routes file): {reason}", file.display())]
    Document {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
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
    documentation: Option<Documentation>,
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
        let config = Config::parse(&text, |name| std::env::var(name).ok());
        let config = config.map_err(|source| ReloadError::Config { file: file.clone(), source })?;
        let documentation = config.openapi.as_deref().map(|document| self.documentation(document)).transpose()?;
        Ok(Read { text, config, documentation })
    }

    fn documentation(&self, document: &Path) -> Result<Documentation, ReloadError> {
        let file = self.beside(document);
        Documentation::read(&file).map_err(|reason| ReloadError::Document { file, reason })
    }

    fn beside(&self, document: &Path) -> PathBuf {
        self.0.parent().unwrap_or(&self.0).join(document)
    }

    /// What is in the files now. None if they cannot be read for a moment: they are about to be replaced.
    fn look(&self, document: Option<&Path>) -> Option<Looked> {
        let routes = std::fs::read_to_string(&self.0).ok()?;
        let document = document.map(|document| std::fs::read(self.beside(document)));
        Some(Looked { routes, document: document.transpose().ok()? })
    }
}

/// What was in the files, whether it could be used or not.
#[derive(Debug, PartialEq, Eq)]
struct Looked {
    routes: String,
    document: Option<Vec<u8>>,
}

impl Read {
    fn looked(&self) -> Looked {
        Looked { routes: self.text.clone(), document: self.documentation.as_ref().map(Documentation::text) }
    }

    fn edge(self, guard: Option<Arc<Guard>>, host: &Host) -> Arc<Edge> {
        Arc::new(Edge::new(self.config, guard, host).with(self.documentation))
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
    let (looked, document) = (read.looked(), read.config.openapi.clone());
    let in_force = InForce(Arc::new(RwLock::new(read.edge(guard.clone(), host))));
    let watch = Watch { file, in_force: in_force.clone(), identity, guard, host: host.clone() };
    let (stopping, asked) = (host.stopping(), signal(SignalKind::hangup())?);
    host.spawn("routes file", async move {
        stopping.run_until_cancelled(watch.watch(looked, document, every, asked)).await;
    });
    Ok(in_force)
}

impl Watch {
    async fn watch(&self, mut looked: Looked, mut document: Option<PathBuf>, every: Duration, mut asked: Signal) {
        loop {
            tokio::select! {
                () = sleep(every) => {}
                _ = asked.recv() => tracing::info!("told to look at the routes file"),
            }
            let Some(now) = self.file.look(document.as_deref()) else { continue };
            if now == looked {
                continue;
            }
            looked = now;
            match self.file.read().and_then(|read| self.put_in_force(read)) {
                Ok(in_force) => {
                    (looked, document) = in_force;
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

    /// From now on it is as it was `read`. Gives what to compare the files with.
    fn put_in_force(&self, read: Read) -> Result<(Looked, Option<PathBuf>), ReloadError> {
        if read.config.identity != self.identity {
            return Err(ReloadError::Identity);
        }
        if let Some(guard) = &self.guard {
            guard.serve(&read.config);
        }
        let looked = (read.looked(), read.config.openapi.clone());
        let new = read.edge(self.guard.clone(), &self.host);
        *self.in_force.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(looked)
    }
}
