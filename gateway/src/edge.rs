//! What stands around the proxy: health, compression, CORS, and what becomes of a panic.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chassis::Host;
use chassis::problem::Problem;
use futures_util::FutureExt;
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::CorsLayer;

use crate::config::Config;
use crate::cors::Cors;
use crate::documentation::{self, Documentation};
use crate::guard::Guard;
use crate::overview::Overview;
use crate::proxy::Proxy;
use crate::routes::Table;

/// Where the gateway says how it is itself.
pub const HEALTH: &str = "/healthz";
const HEALTH_OF_SERVICES: &str = "/healthz/services";

/// What the gateway answers by one routes file.
///
/// Only health goes through a `Router`: what that does for each request, once more in each of its layers, takes as long as
/// the proxy itself.
#[derive(Debug)]
pub struct Edge {
    proxy: Proxy,
    health: Router,
    documentation: Option<Router>,
    compress_from: u16,
    cors: Option<CorsLayer>,
    /// If any route has its own: that of each, or none.
    cors_of_routes: Table<Option<CorsLayer>>,
}

impl Edge {
    /// By this configuration. Without a guard it is open.
    pub fn new(config: Config, guard: Option<Arc<Guard>>, host: &Host) -> Self {
        let overview = Arc::new(Overview::new(&config));
        let own = config.routes.iter().map(|route| (route.path.clone(), route.cors.clone().map(Cors::layer)));
        let own: Vec<_> = own.collect();
        let any = own.iter().any(|(_, cors)| cors.is_some());
        let health = Router::new()
            .route(HEALTH, get(async || Json(json!({ "status": "up" }))))
            .route(HEALTH_OF_SERVICES, get(async move || overview.answer().await))
            .method_not_allowed_fallback(async || Problem::method_not_allowed());
        Self {
            proxy: Proxy::new(&config, guard, host),
            health,
            documentation: None,
            compress_from: config.limits.compress_from,
            cors: config.cors.map(Cors::layer),
            cors_of_routes: Table::new(own.into_iter().filter(|_| any)),
        }
    }

    /// The same, which shows this.
    #[must_use]
    pub fn with(self, documentation: Option<Documentation>) -> Self {
        Self { documentation: documentation.map(Documentation::routes), ..self }
    }

    /// Answers a request, whatever happens meanwhile.
    pub async fn answer(&self, request: Request) -> Response {
        // The panic itself is in the log already: see the hook in chassis.
        let answered = AssertUnwindSafe(self.answer_browsers(request)).catch_unwind().await;
        answered.unwrap_or_else(|_| Problem::internal().into_response())
    }

    /// Browsers must be able to read errors too, so CORS is around everything.
    async fn answer_browsers(&self, request: Request) -> Response {
        let compressed = self.compression().layer(service_fn(async |request| self.answer_plainly(request).await));
        let own = self.cors_of_routes.find(request.uri().path()).and_then(Option::as_ref);
        let answered = match own.or(self.cors.as_ref()) {
            Some(cors) => cors.layer(compressed).oneshot(request).await,
            None => compressed.oneshot(request).await,
        };
        answered.unwrap_or_else(|never| match never {}).map(Body::new)
    }

    /// Live streams are left alone: what they say must arrive when it is said.
    fn compression(&self) -> CompressionLayer<impl Predicate> {
        let from = self.compress_from;
        let wanted = move |_: http::StatusCode, _: http::Version, _: &http::HeaderMap, _: &http::Extensions| from > 0;
        let long = SizeAbove::new(from)
            .and(NotForContentType::SSE)
            .and(NotForContentType::GRPC)
            .and(NotForContentType::IMAGES);
        CompressionLayer::new().compress_when(wanted.and(long))
    }

    async fn answer_plainly(&self, request: Request) -> Result<Response, Infallible> {
        match request.uri().path() {
            HEALTH | HEALTH_OF_SERVICES => self.health.clone().oneshot(request).await,
            path => match self.documentation.as_ref().filter(|_| documentation::covers(path)) {
                Some(documentation) => documentation.clone().oneshot(request).await,
                None => Ok(self.proxy.answer(request).await),
            },
        }
    }
}
