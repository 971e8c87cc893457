//! Authentication, with an identity provider that the test controls.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ambient::{Clock, SystemClock, Timestamp};
use aws_lc_rs::signature::Ed25519KeyPair;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use identity::{KeyPair, TokenVerifier, USERS};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::fixture::{Gateway, Service, TIMEOUT, assert_problem, echo_headers, json, text, until};

/// A provider: its keys by `kid`, and the number of fetches.
#[derive(Default)]
pub struct Provider {
    address: Mutex<String>,
    keys: Mutex<BTreeMap<String, EncodingKey>>,
    pub fetches: AtomicUsize,
    pub away: AtomicBool,
    /// A response in place of its keys.
    pub instead: Mutex<Option<(StatusCode, String)>>,
}

impl Provider {
    pub async fn start() -> Arc<Self> {
        let provider = Arc::new(Self::default());
        provider.add("first");
        let router = Router::new()
            .route("/realms/r/.well-known/openid-configuration", get(discovery))
            .route("/realms/r/keys", get(keys))
            .with_state(Arc::clone(&provider));
        let service = Service::start(router).await;
        *provider.address.lock().unwrap() = format!("http://{}/realms/r", service.address);
        provider
    }

    pub fn add(&self, id: &str) {
        let pair = Ed25519KeyPair::generate().unwrap();
        let key = EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref());
        self.keys.lock().unwrap().insert(id.to_owned(), key);
    }

    pub fn remove(&self, id: &str) {
        self.keys.lock().unwrap().remove(id).unwrap();
    }

    pub fn issuer(&self) -> String {
        self.address.lock().unwrap().clone()
    }

    /// The published documents.
    pub fn published(&self) -> Value {
        let keys = self.keys.lock().unwrap();
        let jwks = keys.iter().map(|(id, key)| {
            let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, Algorithm::EdDSA).unwrap()).unwrap();
            jwk["kid"] = json!(id);
            jwk
        });
        json!({ "keys": jwks.collect::<Vec<_>>() })
    }

    /// A token of kim, valid for five minutes, with changes.
    pub fn token(&self, key: &str, change: impl FnOnce(&mut Value)) -> String {
        let now = seconds(SystemClock.now());
        let mut claims = json!({
            "iss": self.issuer(), "aud": "things", "sub": "kim", "exp": now + 300,
            "realm_access": { "roles": ["reader", "offline_access"] },
        });
        change(&mut claims);
        let header = Header { kid: Some(key.to_owned()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims, &self.keys.lock().unwrap()[key]).unwrap()
    }
}

async fn discovery(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let issuer = provider.issuer();
    Json(json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys"), "token_endpoint": "x" }))
}

async fn keys(State(provider): State<Arc<Provider>>) -> Response {
    provider.fetches.fetch_add(1, Ordering::SeqCst);
    if provider.away.load(Ordering::SeqCst) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    if let Some(instead) = provider.instead.lock().unwrap().clone() {
        return instead.into_response();
    }
    Json(provider.published()).into_response()
}

pub fn seconds(at: Timestamp) -> i64 {
    at.as_micros() / 1_000_000
}

/// Responds with the headers it received; `/things/1/events` never ends.
fn service() -> Router {
    let events = async || {
        Body::from_stream(
            futures_util::stream::once(async { Ok::<_, std::io::Error>("begin") })
                .chain(futures_util::stream::pending()),
        )
    };
    Router::new().route("/things/1/events", get(events)).fallback(echo_headers)
}

/// A gateway with authentication, its provider and its service.
pub struct Site {
    pub provider: Arc<Provider>,
    pub gateway: Gateway,
    passes: TokenVerifier,
    _service: Service,
}

impl Site {
    async fn start() -> Self {
        Self::with(Provider::start().await, "").await
    }

    pub async fn with(provider: Arc<Provider>, more: &str) -> Self {
        Self::at(Arc::new(SystemClock), provider, more).await
    }

    pub async fn at(clock: Arc<dyn Clock>, provider: Arc<Provider>, more: &str) -> Self {
        let service = Service::start(service()).await;
        let (signing_key, passes) = pass_keys();
        let gateway =
            Gateway::guarded_at(&routes(service.address, &provider.issuer(), more), &signing_key, clock).await;
        let site = Self { provider, gateway, passes, _service: service };
        if !site.provider.away.load(Ordering::SeqCst) {
            until("the keys", async || site.gateway.get("/readyz").await.status() == 200).await;
        }
        site
    }

    pub async fn get(&self, path: &str, authorization: &str) -> Response {
        let request = self.gateway.request("GET", path).header("authorization", authorization);
        self.gateway.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn status(&self, token: &str) -> u16 {
        self.get("/things", &format!("Bearer {token}")).await.status().as_u16()
    }
}

fn routes(service: SocketAddr, issuer: &str, more: &str) -> String {
    format!(
        "[upstreams]\nthings = \"http://{service}\"\n\
         [[routes]]\npath = \"/things\"\nupstream = \"things\"\nmethods = [\"GET\", \"POST\"]\nroles = [\"reader\", \"clerk\"]\n\
         [[routes]]\npath = \"/things/*/events\"\nupstream = \"things\"\nmethods = [\"GET\"]\nstream = true\n\
         [[routes]]\npath = \"/secrets\"\nupstream = \"things\"\nmethods = [\"GET\"]\nroles = [\"boss\"]\n\
         [identity]\nissuer = \"{issuer}\"\naudience = \"things\"\nleeway = \"1s\"\nrefetch = \"300ms\"\n{more}"
    )
}

/// The file of a signing key for passes, and their verifier.
pub fn pass_keys() -> (PathBuf, TokenVerifier) {
    let KeyPair { private, public } = KeyPair::generate().unwrap();
    // Named by the key itself: tests run in parallel.
    let name: String = public.chars().filter(char::is_ascii_alphanumeric).rev().skip(20).take(12).collect();
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("pass-{name}.pem"));
    std::fs::write(&file, private).unwrap();
    (file, TokenVerifier::new(&public, USERS).unwrap())
}

#[tokio::test]
async fn a_token_of_the_provider_is_accepted_and_the_service_gets_the_identity_only() {
    let site = Site::start().await;
    let token = site.provider.token("first", |_| {});
    for _ in 0..2 {
        let answer = site.get("/things", &format!("bearer {token}")).await;
        assert_eq!(answer.status(), 200);
        let headers = json(answer).await;
        let identity = site.passes.read(headers["x-flotilla-pass"].as_str().unwrap(), SystemClock.now()).unwrap();
        assert_eq!(identity.subject, "kim");
        assert_eq!(
            identity.roles.into_iter().collect::<Vec<_>>(),
            ["reader"],
            "only roles that routes name are passed on"
        );
        assert!(headers.get("authorization").is_none(), "{headers}");
    }
}

#[tokio::test]
async fn without_a_token_it_is_401_with_a_challenge() {
    let site = Site::start().await;
    let answer = site.gateway.get("/things").await;
    assert_eq!(answer.headers()["www-authenticate"], r#"Bearer realm="things""#);
    assert_problem(answer, 401).await;
    for other in ["Basic a2ltOmtpbQ==", "Bearer", ""] {
        let answer = site.get("/things", other).await;
        assert_eq!(answer.headers()["www-authenticate"], r#"Bearer realm="things""#, "{other}");
        assert_problem(answer, 401).await;
    }
}

#[tokio::test]
async fn an_invalid_token_is_401_without_a_reason() {
    let site = Site::start().await;
    let provider = &site.provider;
    let now = seconds(SystemClock.now());
    let good = provider.token("first", |_| {});
    provider.add("unpublished");
    let unpublished = provider.token("unpublished", |_| {});
    provider.remove("unpublished");
    let mut problems = Vec::new();
    for token in [
        provider.token("first", |claims| claims["exp"] = json!(now - 5)),
        provider.token("first", |claims| claims["nbf"] = json!(now + 60)),
        provider.token("first", |claims| claims["aud"] = json!("others")),
        provider.token("first", |claims| claims["iss"] = json!("https://else.example")),
        format!("{good}x"),
        good[..good.len() - 10].to_owned(),
        unpublished,
        "x".repeat(9000),
        "nonsense".to_owned(),
    ] {
        let answer = site.get("/things", &format!("Bearer {token}")).await;
        assert_eq!(answer.headers()["www-authenticate"], r#"Bearer realm="things", error="invalid_token""#);
        problems.push(assert_problem(answer, 401).await);
    }
    problems.dedup();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(site.status(&good).await, 200);
}

#[tokio::test]
async fn a_caller_without_the_roles_gets_403_and_an_unknown_path_stays_404() {
    let site = Site::start().await;
    let token = site.provider.token("first", |_| {});
    let answer = site.get("/secrets", &format!("Bearer {token}")).await;
    assert_eq!(answer.headers()["www-authenticate"], r#"Bearer realm="things", error="insufficient_scope""#);
    assert_problem(answer, 403).await;
    let roleless = site.provider.token("first", |claims| claims["realm_access"] = json!({}));
    assert_eq!(site.status(&roleless).await, 403);
    assert_problem(site.gateway.get("/nowhere").await, 404).await;
}

#[tokio::test]
async fn two_tokens_are_none() {
    let site = Site::start().await;
    let token = site.provider.token("first", |_| {});
    let bearer = format!("Bearer {token}");
    let request =
        site.gateway.request("GET", "/things").header("authorization", &bearer).header("authorization", &bearer);
    assert_problem(site.gateway.send(request.body(Body::empty()).unwrap()).await, 400).await;
}

#[tokio::test]
async fn a_pass_from_a_client_is_dropped_and_does_not_authenticate() {
    let site = Site::start().await;
    let token = site.provider.token("first", |_| {});
    let pass = json(site.get("/things", &format!("Bearer {token}")).await).await["x-flotilla-pass"].clone();
    let pass = pass.as_str().unwrap();
    let alone = site.gateway.request("GET", "/things").header("x-flotilla-pass", pass).body(Body::empty()).unwrap();
    assert_problem(site.gateway.send(alone).await, 401).await;
    let lee = site.provider.token("first", |claims| claims["sub"] = json!("lee"));
    let both = site.gateway.request("GET", "/things").header("x-flotilla-pass", pass);
    let both = both.header("authorization", format!("Bearer {lee}")).header("connection", "x-flotilla-pass");
    let headers = json(site.gateway.send(both.body(Body::empty()).unwrap()).await).await;
    let identity = site.passes.read(headers["x-flotilla-pass"].as_str().unwrap(), SystemClock.now()).unwrap();
    assert_eq!(identity.subject, "lee");
}

#[tokio::test]
async fn a_new_key_is_found_and_unknown_ones_do_not_cause_repeated_fetches() {
    let site = Site::start().await;
    site.provider.add("second");
    let second = site.provider.token("second", |_| {});
    until("the new key", async || site.status(&second).await == 200).await;
    let (before, began) = (site.provider.fetches.load(Ordering::SeqCst), tokio::time::Instant::now());
    site.provider.add("unknown");
    let unknown = site.provider.token("unknown", |_| {});
    site.provider.remove("unknown");
    for _ in 0..50 {
        assert_eq!(site.status(&unknown).await, 401);
    }
    let fetches = site.provider.fetches.load(Ordering::SeqCst) - before;
    // Once per 300 ms of this loop.
    let most = usize::try_from(began.elapsed().as_millis() / 300).unwrap() + 1;
    assert!(fetches <= most, "{fetches} > {most}");
}

#[tokio::test]
async fn a_withdrawn_key_is_no_longer_accepted() {
    let provider = Provider::start().await;
    provider.add("second");
    let site = Site::with(provider, "refresh = \"100ms\"").await;
    let first = site.provider.token("first", |_| {});
    assert_eq!(site.status(&first).await, 200);
    site.provider.remove("first");
    until("the withdrawal", async || site.status(&first).await == 401).await;
}

#[tokio::test]
async fn before_the_keys_are_known_it_is_503_and_not_ready() {
    let provider = Provider::start().await;
    provider.away.store(true, Ordering::SeqCst);
    let site = Site::with(provider, "").await;
    let token = site.provider.token("first", |_| {});
    let answer = site.get("/things", &format!("Bearer {token}")).await;
    assert!(answer.headers().contains_key("retry-after"));
    assert_problem(answer, 503).await;
    assert_eq!(site.gateway.get("/readyz").await.status(), 503);
    site.provider.away.store(false, Ordering::SeqCst);
    until("the keys at last", async || site.status(&token).await == 200).await;
}

#[tokio::test]
async fn a_live_stream_ends_with_its_token() {
    let site = Site::start().await;
    let now = seconds(SystemClock.now());
    let short = site.provider.token("first", |claims| claims["exp"] = json!(now + 1));
    let answer = site.get("/things/1/events", &format!("Bearer {short}")).await;
    assert_eq!(answer.status(), 200);
    let body = timeout(TIMEOUT, answer.into_body().collect()).await.expect("it goes on for ever").unwrap();
    assert_eq!(body.to_bytes(), "begin");
    assert_eq!(site.status(&short).await, 401, "with the leeway it is over by now");
}

#[tokio::test]
async fn preflight_requests_need_no_token() {
    let site = Site::start().await;
    let request = site.gateway.request("OPTIONS", "/things").body(Body::empty()).unwrap();
    assert_eq!(site.gateway.send(request).await.status(), 204);
    assert_eq!(text(site.gateway.get("/healthz").await).await, r#"{"status":"up"}"#);
}

#[tokio::test]
async fn a_client_is_counted_by_subject_and_else_by_address() {
    let site = Site::with(Provider::start().await, "[limits]\nrate = \"2/1h\"\n").await;
    let token = |name: &str| site.provider.token("first", |claims| claims["sub"] = json!(name));
    for name in ["kim", "lee"] {
        let statuses =
            [site.status(&token(name)).await, site.status(&token(name)).await, site.status(&token(name)).await];
        assert_eq!(statuses, [200, 200, 429], "{name}");
    }
    let bogus = [site.status("bogus-1").await, site.status("bogus-2").await, site.status("bogus-3").await];
    assert_eq!(bogus, [401, 401, 429]);
    assert_eq!(site.status(&token("sam")).await, 200, "a known client is not limited by others at its address");
}
