//! The layers around the proxy: health, documentation, compression, CORS, panic handling.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chassis::Host;
use chassis::access::AllowedHosts;
use chassis::problem::Problem;
use futures_util::{FutureExt, stream};
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ALLOW, ORIGIN};
use http::{Method, StatusCode, Uri};
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::CorsLayer;

use crate::config::Config;
use crate::config::cors::Cors;
use crate::edge::documentation::{self, Documentation};
use crate::edge::entity_tags;
use crate::edge::health::UpstreamHealth;
use crate::edge::proxy::Proxy;
use crate::request::authenticator::Authenticator;
use crate::routing::own_paths::{HEALTH, UPSTREAM_HEALTH};
use crate::routing::pattern::{Pattern, Table};

/// The HTTP service of one routes file.
///
/// Only health and documentation use a `Router`: its work per request and layer takes as long as the proxy itself.
#[derive(Debug)]
pub struct Edge {
    proxy: Proxy,
    /// Other names of paths, and the paths.
    aliases: Vec<(Pattern, Pattern)>,
    health: Router,
    documentation: Option<Router>,
    compression_min_bytes: u16,
    cors: Option<CorsLayer>,
    /// CORS per route; empty if no route has its own.
    cors_of_routes: Table<Option<CorsLayer>>,
}

impl Edge {
    /// A service with this configuration. Without an authenticator authentication is disabled.
    pub fn new(config: Config, authenticator: Option<Arc<Authenticator>>, host: &Host) -> Self {
        let upstream_health = Arc::new(UpstreamHealth::new(&config));
        let own = config.routes.iter().map(|route| (route.path.clone(), route.cors.clone().map(Cors::layer)));
        let own: Vec<_> = own.collect();
        let aliases = config
            .routes
            .iter()
            .flat_map(|route| route.aliases.iter().map(|alias| (alias.clone(), route.path.clone())));
        let any = own.iter().any(|(_, cors)| cors.is_some());
        let health = Router::new()
            .route(HEALTH, get(async || Json(json!({ "status": "up" }))))
            .route(UPSTREAM_HEALTH, get(async move || upstream_health.response().await))
            .method_not_allowed_fallback(async || Problem::method_not_allowed());
        Self {
            proxy: Proxy::new(&config, authenticator, host),
            aliases: aliases.collect(),
            health,
            documentation: None,
            compression_min_bytes: config.limits.compression_min_bytes,
            cors: config.cors.map(Cors::layer),
            cors_of_routes: Table::new(own.into_iter().filter(|_| any)),
        }
    }

    /// Adds the documentation.
    #[must_use]
    pub fn with_documentation(self, documentation: Option<Documentation>) -> Self {
        Self { documentation: documentation.map(Documentation::routes), ..self }
    }

    /// The hosts that the gateway answers for.
    pub const fn hosts(&self) -> &AllowedHosts {
        self.proxy.hosts()
    }

    /// Handles a request; a panic becomes a 500.
    ///
    /// A request for another host goes to the proxy alone, which rejects it.
    pub async fn handle(&self, mut request: Request) -> Response {
        if let Some(uri) = self.without_alias(request.uri()) {
            *request.uri_mut() = uri;
        }
        // The panic hook of chassis has logged the panic.
        let for_us = self.hosts().check(request.extensions()).is_ok();
        let response =
            async { if for_us { self.handle_with_cors(request).await } else { self.proxy.handle(request).await } };
        let response = AssertUnwindSafe(response).catch_unwind().await;
        response.unwrap_or_else(|_| Problem::internal().into_response())
    }

    /// The address with the path of a route in the place of its alias. `None`: it has no alias.
    fn without_alias(&self, uri: &Uri) -> Option<Uri> {
        let path = self.aliases.iter().find_map(|(alias, path)| alias.rename(path, uri.path()))?;
        let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(format!("{path}{query}").parse().ok()?);
        Uri::from_parts(parts).ok()
    }

    /// CORS wraps everything else: browsers must be able to read errors too.
    async fn handle_with_cors(&self, request: Request) -> Response {
        let known = entity_tags::if_none_match(request.headers());
        let compressed = self.compression().layer(service_fn(async |request| self.handle_with_tags(request).await));
        let (head, options) = (request.method() == Method::HEAD, request.method() == Method::OPTIONS);
        let own = self.cors_of_routes.find(request.uri().path()).and_then(Option::as_ref);
        // The layer treats every OPTIONS as a preflight. Other OPTIONS requests, and unknown paths, bypass it.
        let allow = self.proxy.allow(request.uri().path()).filter(|_| is_preflight(&request)).cloned();
        let response = match own.or(self.cors.as_ref()).filter(|_| !options || allow.is_some()) {
            Some(cors) => {
                cors.layer(compressed).oneshot(request).await.map(|response| (response.map(Body::new), allow))
            }
            None => compressed.oneshot(request).await.map(|response| (response.map(Body::new), None)),
        };
        let (mut response, allow) = response.unwrap_or_else(|never| match never {});
        if let Some(allow) = allow {
            *response.status_mut() = StatusCode::NO_CONTENT;
            response.headers_mut().insert(ALLOW, allow);
        }
        entity_tags::weaken(&mut response, known.as_ref());
        if head { response.map(|_| Body::empty()) } else { response }
    }

    /// Live streams are not compressed: compression would delay their events.
    fn compression(&self) -> CompressionLayer<impl Predicate> {
        let from = self.compression_min_bytes;
        let wanted = move |_: StatusCode, _: http::Version, _: &http::HeaderMap, _: &http::Extensions| from > 0;
        let long = SizeAbove::new(from)
            .and(NotForContentType::SSE)
            .and(NotForContentType::GRPC)
            .and(NotForContentType::IMAGES);
        CompressionLayer::new().compress_when(wanted.and(long))
    }

    /// [`Self::dispatch`], with the entity tag marked. The response to HEAD gets an empty body of unknown length, so
    /// that the compression decides by `Content-Length`, as for GET.
    async fn handle_with_tags(&self, request: Request) -> Result<Response, Infallible> {
        let head = request.method() == Method::HEAD;
        let mut response = self.dispatch(request).await?;
        entity_tags::mark(&mut response);
        Ok(if head { response.map(|_| unknown_length_body()) } else { response })
    }

    async fn dispatch(&self, request: Request) -> Result<Response, Infallible> {
        match request.uri().path() {
            HEALTH | UPSTREAM_HEALTH => self.health.clone().oneshot(request).await,
            path => match self.documentation.as_ref().filter(|_| documentation::covers(path)) {
                Some(documentation) => documentation.clone().oneshot(request).await,
                None => Ok(self.proxy.handle(request).await),
            },
        }
    }
}

/// Whether this is a CORS preflight.
fn is_preflight(request: &Request) -> bool {
    let has = |name| request.headers().contains_key(name);
    request.method() == Method::OPTIONS && has(ORIGIN) && has(ACCESS_CONTROL_REQUEST_METHOD)
}

/// An empty body of unknown length.
fn unknown_length_body() -> Body {
    Body::from_stream(stream::empty::<Result<Bytes, Infallible>>())
}
