//! The match context, asked over gRPC.

use anyhow::Result;
use http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use testkit::Fleet;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Status};

use proto::matches_client::MatchesClient;

#[expect(clippy::allow_attributes, clippy::pedantic, unused_qualifications, reason = "generated: docs/contracts.md")]
pub mod proto {
    //! What is in `match.proto`.
    include!("../../../../contracts/matching/grpc/flotilla.matching.v1.rs");
}

/// Whoever asks by gRPC, over HTTP/2 without TLS.
pub type Matches = MatchesClient<InterceptedService<Client<HttpConnector, tonic::body::Body>, Bearer>>;

/// Says who asks, in the metadata of each request.
#[derive(Debug, Clone)]
pub struct Bearer(Option<AsciiMetadataValue>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// Through the gateway; with a token, if there is one.
pub fn matches(fleet: &Fleet, token: Option<&str>) -> Result<Matches> {
    let token = token.map(|token| format!("Bearer {token}").parse()).transpose()?;
    let http = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let origin: Uri = fleet.url("gateway")?.parse()?;
    Ok(MatchesClient::with_origin(InterceptedService::new(http, Bearer(token)), origin))
}
