//! The routes of gRPC services.

use std::convert::Infallible;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn;
use axum::response::IntoResponse;
use axum::routing::post_service;
use tonic::server::NamedService;
use tower::Service;

use crate::grpc::layer::{limit_body, require_grpc, require_unary};
use crate::process::host::Host;

/// The routes of a gRPC service, one per method, so that metrics have a label per method. The readiness of `host` is
/// also that of the service.
pub fn routes<S>(service: &S, methods: &[&str], host: &Host) -> Router
where
    S: Service<Request, Response: IntoResponse, Error = Infallible, Future: Send>,
    S: NamedService + Clone + Send + Sync + 'static,
{
    host.health().add_service(S::NAME);
    unary_routes(service, methods)
}

/// The reflection service, for clients without the .proto files: it serves this descriptor and that of the health
/// service. Fails if the descriptor is invalid.
pub fn reflection(descriptor: &[u8]) -> Result<Router, tonic_reflection::server::Error> {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(descriptor)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    // Reflection has streaming clients.
    Ok(routes_of(&reflection, &["ServerReflectionInfo"]).layer(from_fn(limit_body)).layer(from_fn(require_grpc)))
}

/// The routes of methods with one request message each.
pub(crate) fn unary_routes<S>(service: &S, methods: &[&str]) -> Router
where
    S: Service<Request, Response: IntoResponse, Error = Infallible, Future: Send>,
    S: NamedService + Clone + Send + Sync + 'static,
{
    routes_of(service, methods).layer(from_fn(require_unary)).layer(from_fn(require_grpc))
}

fn routes_of<S>(service: &S, methods: &[&str]) -> Router
where
    S: Service<Request, Response: IntoResponse, Error = Infallible, Future: Send>,
    S: NamedService + Clone + Send + Sync + 'static,
{
    let path = |method: &&str| format!("/{}/{method}", S::NAME);
    let route = |router: Router, path: String| router.route(&path, post_service(service.clone()));
    methods.iter().map(path).fold(Router::new(), route)
}
