//! Reload of the routes file: requests in flight finish with the old configuration, new requests use the new one.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use chassis::{Application, Host, HttpService, OWN_PATHS};
use futures_util::future::{BoxFuture, Either};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tower::{Service, service_fn};

use crate::config::Config;
use crate::config::identity::IdentityConfig;
use crate::edge::routes_file::{FileContents, LoadedRoutes, ReloadError, RoutesFile};
use crate::edge::service::Edge;
use crate::request::authenticator::Authenticator;
use crate::upstream::{metrics as request_metrics, replicas};

const RELOADS: &str = "gateway_reloads_total";

/// The service with the current routes file. Clones share it.
#[derive(Debug, Clone)]
pub struct CurrentEdge(Arc<RwLock<Arc<Edge>>>);

impl CurrentEdge {
    /// A service with this configuration.
    pub fn new(config: Config, authenticator: Option<Arc<Authenticator>>, host: &Host) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(Edge::new(config, authenticator, host)))))
    }

    fn edge(&self) -> Arc<Edge> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Service<Request> for CurrentEdge {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let edge = self.edge();
        Box::pin(async move { Ok(edge.handle(request).await) })
    }
}

impl Application for CurrentEdge {
    fn within(self, host: &Host, config: &chassis::Config) -> impl HttpService {
        let hosts = self.edge().hosts().clone();
        let (own, gateway) = (chassis::router_for(Router::new(), host, config, hosts), self);
        service_fn(move |request: Request| {
            if OWN_PATHS.contains(&request.uri().path()) {
                Either::Left(own.clone().call(request))
            } else {
                Either::Right(gateway.clone().call(request))
            }
        })
    }
}

/// Polls the routes file.
struct Watcher {
    file: RoutesFile,
    current: CurrentEdge,
    identity: Option<IdentityConfig>,
    authenticator: Option<Arc<Authenticator>>,
    host: Host,
}

/// Serves the `loaded` file and later versions of it: the file is read every `interval`, and at SIGHUP.
pub fn start(
    file: RoutesFile,
    loaded: LoadedRoutes,
    authenticator: Option<Authenticator>,
    interval: Duration,
    host: &Host,
) -> std::io::Result<CurrentEdge> {
    request_metrics::describe();
    replicas::describe();
    metrics::describe_counter!(RELOADS, "Changes of the routes file, by what became of them");
    let authenticator = authenticator.map(Arc::new);
    let identity = loaded.config.identity.clone();
    let (contents, document) = (loaded.contents(), loaded.config.openapi.clone());
    let current = CurrentEdge(Arc::new(RwLock::new(edge(loaded, authenticator.clone(), host))));
    let watcher = Watcher { file, current: current.clone(), identity, authenticator, host: host.clone() };
    let (stopping, hangup) = (host.stopping(), signal(SignalKind::hangup())?);
    host.spawn("routes file", async move {
        stopping.run_until_cancelled(watcher.watch(contents, document, interval, hangup)).await;
    });
    Ok(current)
}

fn edge(loaded: LoadedRoutes, authenticator: Option<Arc<Authenticator>>, host: &Host) -> Arc<Edge> {
    Arc::new(Edge::new(loaded.config, authenticator, host).with_documentation(loaded.documentation))
}

impl Watcher {
    async fn watch(
        &self,
        mut seen: FileContents,
        mut document: Option<PathBuf>,
        interval: Duration,
        mut hangup: Signal,
    ) {
        loop {
            tokio::select! {
                () = sleep(interval) => {}
                _ = hangup.recv() => tracing::info!("SIGHUP: reading the routes file"),
            }
            let Some(contents) = self.file.contents(document.as_deref()) else { continue };
            if contents == seen {
                continue;
            }
            seen = contents;
            match self.file.read().and_then(|loaded| self.apply(loaded)) {
                Ok(applied) => {
                    (seen, document) = applied;
                    metrics::counter!(RELOADS, "result" => "current").increment(1);
                    tracing::info!("the routes file has changed, and is in force");
                }
                Err(error) => {
                    metrics::counter!(RELOADS, "result" => "refused").increment(1);
                    tracing::error!(%error, "the routes file has changed, and is refused: that of before stays in force");
                }
            }
        }
    }

    /// Replaces the configuration. Returns the contents and the document to compare later versions with.
    fn apply(&self, loaded: LoadedRoutes) -> Result<(FileContents, Option<PathBuf>), ReloadError> {
        if loaded.config.identity != self.identity {
            return Err(ReloadError::Identity);
        }
        if let Some(authenticator) = &self.authenticator {
            authenticator.use_roles_of(&loaded.config);
        }
        let applied = (loaded.contents(), loaded.config.openapi.clone());
        let new = edge(loaded, self.authenticator.clone(), &self.host);
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(applied)
    }
}
