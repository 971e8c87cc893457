//! `grpc.health.v1.Health`: the readiness of the process, beside `/readyz`.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use events::excerpt;
use futures_util::stream;
use tonic::Status;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health as HealthService, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::grpc::routes::unary_routes;
use crate::process::health::Health;

/// The readiness of the process, as in `/readyz`.
#[derive(Clone)]
struct Readiness(Arc<Health>);

#[async_trait]
impl HealthService for Readiness {
    type WatchStream = stream::Empty<Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        if !self.0.has_service(service) {
            return Err(Status::not_found(format!("there is no service {:?} here", excerpt(service))));
        }
        let serving = if self.0.readiness().await.0 { ServingStatus::Serving } else { ServingStatus::NotServing };
        Ok(tonic::Response::new(HealthCheckResponse { status: serving.into() }))
    }

    /// Streaming is optional in the protocol: clients fall back to Check.
    async fn watch(
        &self,
        _request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("Watch is not supported: use Check"))
    }
}

/// `grpc.health.v1.Health`, beside `/readyz`.
pub(crate) fn health(health: Arc<Health>) -> Router {
    unary_routes(&HealthServer::new(Readiness(health)), &["Check", "Watch"])
}
