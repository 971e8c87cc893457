//! How the services are, seen from the gateway.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use http::uri::Authority;
use http::{StatusCode, Uri};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::config::Config;
use crate::upstream::{self, Client};

/// How long a service may take to say that it is ready.
const TIME_LIMIT: Duration = Duration::from_secs(1);

/// How long an overview is told again: whoever asks often must not make the gateway ask its services often.
const KEPT: Duration = Duration::from_secs(1);

/// Asks every service whether it is ready; one with several addresses at each, as `name-1`, `name-2`.
#[derive(Debug)]
pub struct Overview {
    services: Vec<(String, Uri)>,
    client: Client,
    last: Mutex<Option<(Instant, StatusCode, Value)>>,
}

impl Overview {
    /// An overview of the services of `config`.
    pub fn new(config: &Config) -> Self {
        let replicas = |upstream: &crate::config::Upstream| {
            let (name, several) = (upstream.name.clone(), upstream.addresses.len() > 1);
            let replica = move |(place, address): (usize, &Authority)| {
                let uri = Uri::builder().scheme("http").authority(address.clone()).path_and_query("/readyz");
                let name = if several { format!("{name}-{}", place + 1) } else { name.clone() };
                (name, uri.build().unwrap_or_default())
            };
            upstream.addresses.iter().enumerate().map(replica).collect::<Vec<_>>()
        };
        let services = config.upstreams.iter().flat_map(replicas).collect();
        Self { services, client: upstream::client(&config.limits, 1), last: Mutex::default() }
    }

    /// 200 while at least one service is ready, else 503; the body says which.
    pub async fn answer(&self) -> Response {
        // Held while asking: those who ask meanwhile wait for the same answer.
        let mut last = self.last.lock().await;
        let fresh = last.take().filter(|(asked, ..)| asked.elapsed() < KEPT);
        let (asked, status, body) = match fresh {
            Some(fresh) => fresh,
            None => self.ask_all().await,
        };
        *last = Some((asked, status, body.clone()));
        drop(last);
        (status, Json(body)).into_response()
    }

    async fn ask_all(&self) -> (Instant, StatusCode, Value) {
        let words = join_all(self.services.iter().map(|(_, uri)| self.ask(uri))).await;
        let ready = words.iter().filter(|word| **word == "ready").count();
        let (status, word) = match ready {
            0 => (StatusCode::SERVICE_UNAVAILABLE, "down"),
            all if all == words.len() => (StatusCode::OK, "up"),
            _ => (StatusCode::OK, "degraded"),
        };
        let services: Map<String, Value> =
            std::iter::zip(&self.services, words).map(|((name, _), word)| (name.clone(), word.into())).collect();
        (Instant::now(), status, json!({ "status": word, "services": services }))
    }

    /// Not more than a word: what is wrong inside a service is not for the outside.
    async fn ask(&self, uri: &Uri) -> &'static str {
        let mut request = http::Request::new(Full::default());
        uri.clone_into(request.uri_mut());
        match timeout(TIME_LIMIT, self.client.request(request)).await {
            Ok(Ok(response)) if response.status().is_success() => "ready",
            Ok(Ok(_)) => "not-ready",
            Ok(Err(_)) => "unreachable",
            Err(_) => "silent",
        }
    }
}
