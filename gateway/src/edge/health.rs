//! Readiness of the services, as seen from the gateway.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use http::header::{HOST, HeaderValue};
use http::uri::Authority;
use http::{StatusCode, Uri};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::config::{Config, Upstream};
use crate::upstream::client::{self, Client};

/// Time limit of a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a result is cached: frequent requests must not cause frequent probes.
const CACHE_TTL: Duration = Duration::from_secs(1);

/// Probes all services. Replicas of one service are listed as `name-1`, `name-2`.
#[derive(Debug)]
pub struct UpstreamHealth {
    services: Vec<(String, Uri)>,
    client: Client,
    last: Mutex<Option<(Instant, StatusCode, Value)>>,
}

impl UpstreamHealth {
    /// For the services of `config`.
    pub fn new(config: &Config) -> Self {
        let replicas = |upstream: &Upstream| {
            let (name, several) = (upstream.name.clone(), upstream.addresses.len() > 1);
            let replica = move |(index, address): (usize, &Authority)| {
                let uri = Uri::builder().scheme("http").authority(address.clone()).path_and_query("/readyz");
                let name = if several { format!("{name}-{}", index + 1) } else { name.clone() };
                (name, uri.build().unwrap_or_default())
            };
            upstream.addresses.iter().enumerate().map(replica).collect::<Vec<_>>()
        };
        let services = config.upstreams.iter().flat_map(replicas).collect();
        Self { services, client: client::client(&config.limits, 1), last: Mutex::default() }
    }

    /// 200 if at least one service is ready, else 503. The body lists the state of each.
    pub async fn response(&self) -> Response {
        // Held during the probes: concurrent requests wait for the same result.
        let mut last = self.last.lock().await;
        let fresh = last.take().filter(|(probed_at, ..)| probed_at.elapsed() < CACHE_TTL);
        let (probed_at, status, body) = match fresh {
            Some(fresh) => fresh,
            None => self.probe_all().await,
        };
        *last = Some((probed_at, status, body.clone()));
        drop(last);
        (status, Json(body)).into_response()
    }

    async fn probe_all(&self) -> (Instant, StatusCode, Value) {
        let results = join_all(self.services.iter().map(|(_, uri)| self.probe(uri))).await;
        let ready = results.iter().filter(|state| **state == "ready").count();
        let (status, summary) = match ready {
            0 => (StatusCode::SERVICE_UNAVAILABLE, "down"),
            all if all == results.len() => (StatusCode::OK, "up"),
            _ => (StatusCode::OK, "degraded"),
        };
        let services: Map<String, Value> =
            std::iter::zip(&self.services, results).map(|((name, _), state)| (name.clone(), state.into())).collect();
        (Instant::now(), status, json!({ "status": summary, "services": services }))
    }

    /// One word only: details of a service are not public.
    async fn probe(&self, uri: &Uri) -> &'static str {
        let mut request = http::Request::new(Full::default());
        uri.clone_into(request.uri_mut());
        // The client sets no `Host`.
        if let Some(Ok(host)) = uri.authority().map(|authority| HeaderValue::from_str(authority.as_str())) {
            request.headers_mut().insert(HOST, host);
        }
        match timeout(PROBE_TIMEOUT, self.client.request(request)).await {
            Ok(Ok(response)) if response.status().is_success() => "ready",
            Ok(Ok(_)) => "not-ready",
            Ok(Err(_)) => "unreachable",
            Err(_) => "silent",
        }
    }
}
