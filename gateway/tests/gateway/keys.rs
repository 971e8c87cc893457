//! Which keys of the identity provider are used, whatever it responds.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambient::{Clock, ManualClock, SystemClock};
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::fixture::{assert_problem, text, until};
use crate::identity::{Provider, Site};

/// The log of this thread, which runs the whole test.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn keep() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        (log, tracing::subscriber::set_default(lines.finish()))
    }

    fn lines(&self, text: &str) -> Vec<String> {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const SOON: &str = "refresh = \"50ms\"\n";

impl Site {
    /// Makes the provider respond with this, and waits until the gateway has fetched it.
    async fn answers(&self, status: StatusCode, body: &str) {
        *self.provider.instead.lock().unwrap() = Some((status, body.to_owned()));
        let before = self.provider.fetches.load(Ordering::SeqCst);
        // The second fetch begins after the first has ended.
        until("two fetches", async || self.provider.fetches.load(Ordering::SeqCst) > before + 1).await;
    }

    async fn metrics(&self) -> String {
        text(self.gateway.get("/metrics").await).await
    }
}

/// A token that outlives the keys.
fn long_token(provider: &Provider) -> String {
    provider.token("first", |claims| claims["exp"] = json!(claims["exp"].as_i64().unwrap() + 7 * 86_400))
}

#[tokio::test]
async fn a_provider_that_publishes_no_signing_key_has_withdrawn_all_it_had() {
    let provider = Provider::start().await;
    let mut for_encryption = provider.published();
    for_encryption["keys"][0]["use"] = json!("enc");
    for nothing in [json!({ "keys": [] }), for_encryption, json!({ "keys": [null, { "kty": "AKP" }] })] {
        let provider = Provider::start().await;
        let site = Site::with(provider, SOON).await;
        let token = site.provider.token("first", |_| {});
        assert_eq!(site.status(&token).await, 200);
        *site.provider.instead.lock().unwrap() = Some((StatusCode::OK, nothing.to_string()));
        // A cached token too.
        until("the withdrawal", async || site.status(&token).await == 401).await;
        let other = site.provider.token("first", |claims| claims["sub"] = json!("lee"));
        assert_eq!(site.status(&other).await, 401, "{nothing}");
        assert_eq!(site.gateway.get("/readyz").await.status(), 200, "the provider has responded");
        *site.provider.instead.lock().unwrap() = None;
        until("its key again", async || site.status(&token).await == 200).await;
    }
}

#[tokio::test]
async fn a_provider_that_publishes_no_set_of_keys_makes_no_token_invalid() {
    let provider = Provider::start().await;
    let site = Site::with(provider, &format!("{SOON}max_key_set = 2000\n")).await;
    let token = site.provider.token("first", |_| {});
    for (status, body) in [
        (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        (StatusCode::NOT_FOUND, r#"{"keys":[]}"#.to_owned()),
        (StatusCode::OK, "<html>maintenance</html>".to_owned()),
        (StatusCode::OK, "{}".to_owned()),
        (StatusCode::OK, r#"{"keys":null}"#.to_owned()),
        (StatusCode::OK, r#"{"keys":["#.to_owned()),
        (StatusCode::OK, json!({ "keys": [], "more": "x".repeat(2000) }).to_string()),
    ] {
        *site.provider.instead.lock().unwrap() = Some((status, body.clone()));
        // The next fetch is after a second. A token with an unknown key triggers one earlier.
        let (before, unknown) = (site.provider.fetches.load(Ordering::SeqCst), unknown(&site.provider));
        until("a question in vain", async || {
            site.status(&unknown).await == 401 && site.provider.fetches.load(Ordering::SeqCst) > before + 1
        })
        .await;
        assert_eq!(site.status(&token).await, 200, "{status} {body}");
        assert_eq!(site.gateway.get("/readyz").await.status(), 200);
    }
}

/// A token whose signing key was never published.
fn unknown(provider: &Provider) -> String {
    provider.add("unknown");
    let token = provider.token("unknown", |_| {});
    provider.remove("unknown");
    token
}

#[tokio::test]
async fn keys_of_a_provider_that_is_away_are_used_for_a_day_and_no_longer() {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let site = Site::at(Arc::clone(&clock) as Arc<dyn Clock>, Provider::start().await, SOON).await;
    let token = long_token(&site.provider);
    assert_eq!(site.status(&token).await, 200);
    site.answers(StatusCode::BAD_GATEWAY, "").await;
    clock.advance(Duration::from_hours(24));
    assert_eq!(site.status(&token).await, 200);
    assert_eq!(site.gateway.get("/readyz").await.status(), 200);

    clock.advance(Duration::from_secs(1));
    let answer = site.get("/things", &format!("Bearer {token}")).await;
    assert!(answer.headers().contains_key("retry-after"));
    assert_problem(answer, 503).await;
    assert_eq!(site.gateway.get("/readyz").await.status(), 503);
    let issuer = site.provider.issuer();
    let lines = format!("gateway_identity_keys_expired_total{{issuer=\"{issuer}\"}} 1\n");
    until("it is counted once", async || site.metrics().await.contains(&lines)).await;
    let age = |seconds: u32| format!("gateway_identity_keys_age_seconds{{issuer=\"{issuer}\"}} {seconds}\n");
    assert!(site.metrics().await.contains(&age(86_401)));

    *site.provider.instead.lock().unwrap() = None;
    until("the keys again", async || site.status(&token).await == 200).await;
    assert_eq!(site.gateway.get("/readyz").await.status(), 200);
    assert!(site.metrics().await.contains(&age(0)));
}

#[tokio::test]
async fn how_long_keys_may_be_used_can_be_set_and_a_provider_that_answers_keeps_them_young() {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let more = format!("{SOON}max_key_age = \"1m\"\n");
    let site = Site::at(Arc::clone(&clock) as Arc<dyn Clock>, Provider::start().await, &more).await;
    let token = long_token(&site.provider);
    for _ in 0..3 {
        clock.advance(Duration::from_secs(50));
        let before = site.provider.fetches.load(Ordering::SeqCst);
        until("its answer", async || site.provider.fetches.load(Ordering::SeqCst) > before + 1).await;
        assert_eq!(site.status(&token).await, 200);
    }
    site.answers(StatusCode::BAD_GATEWAY, "").await;
    clock.advance(Duration::from_secs(61));
    assert_eq!(site.status(&token).await, 503);
}

#[tokio::test]
async fn keys_that_cannot_be_read_take_no_other_key_with_them() {
    let provider = Provider::start().await;
    let mut set = provider.published();
    let good = set["keys"][0].clone();
    let spoiled = |member: &str, value: Value| {
        let mut key = good.clone();
        key[member] = value;
        key
    };
    set["keys"] = json!([null, spoiled("key_ops", json!("verify")), spoiled("kid", json!(7)), 7, good, "x", {}]);
    *provider.instead.lock().unwrap() = Some((StatusCode::OK, set.to_string()));
    let (log, _guard) = Log::keep();
    let site = Site::with(provider, SOON).await;
    assert_eq!(site.status(&site.provider.token("first", |_| {})).await, 200);
    until("some refreshes", async || site.provider.fetches.load(Ordering::SeqCst) > 5).await;
    let lines = log.lines("a key of the identity provider is not used");
    assert_eq!(lines.len(), 6, "each is logged once: {lines:#?}");
    assert!(lines[0].contains("key=\"keys[0]\" reason=malformed"), "{}", lines[0]);
}

#[tokio::test]
async fn roles_are_read_from_a_claim_whose_name_is_a_url() {
    let site = Site::with(Provider::start().await, "roles = \"/https:~1~1shop.example~1roles\"\n").await;
    let with = |roles: Value| {
        let token = site.provider.token("first", |claims| claims["https://shop.example/roles"] = roles);
        format!("Bearer {token}")
    };
    for (roles, status) in [
        (json!(["reader"]), 200),
        (json!("guest reader"), 200),
        (json!(["reader", 7]), 200),
        (json!("readers"), 403),
        (json!({ "reader": true }), 403),
    ] {
        assert_eq!(site.get("/things", &with(roles.clone())).await.status(), status, "{roles}");
    }
}

#[tokio::test]
async fn unreadable_roles_are_logged_once_without_their_content() {
    let (log, _guard) = Log::keep();
    let site = Site::with(Provider::start().await, "roles = \"groups\"\n").await;
    for secret in [json!({ "secret": 4711 }), json!(4711), json!(["reader", 4711])] {
        let token = site.provider.token("first", |claims| claims["groups"] = secret.clone());
        let expected = if secret.is_array() { 200 } else { 403 };
        assert_eq!(site.status(&token).await, expected, "{secret}");
    }
    let lines = log.lines("roles that cannot be read");
    assert!(lines.len() == 1 && lines[0].contains("claim=groups") && lines[0].contains("an object"), "{lines:#?}");
    assert!(log.lines("4711").is_empty());
}
