//! The whole client against real servers on this machine.
#![expect(clippy::expect_used, reason = "the functions that tests share are tests too")]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, OriginalUri};
use axum::http::HeaderMap as Headers;
use axum::routing::{get, post};
use calls::{CallError, CallResponse, Client, Config, ConfigError};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};

const NEVER: Duration = Duration::from_hours(1);
/// Long enough for any response, also on a busy machine.
const SOON: Duration = Duration::from_secs(20);

fn patient() -> Config {
    Config { call_time_limit: SOON, breaker_slow_call: SOON, ..Config::default() }
}

async fn bind() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    (listener, url)
}

async fn serve(routes: Router) -> String {
    let (listener, url) = bind().await;
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    url
}

/// Responds to every connection with these bytes, and then closes it or keeps it open.
async fn answer_with(bytes: String, then_close: bool) -> String {
    let (listener, url) = bind().await;
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let _ = connection.read(&mut [0; 4096]).await;
                let _ = connection.write_all(bytes.as_bytes()).await;
                if !then_close {
                    sleep(NEVER).await;
                }
            });
        }
    });
    url
}

async fn get_from(url: &str, config: &Config) -> Result<CallResponse, CallError> {
    let client = Client::new("callee", url, config).expect("sound settings");
    ask(&client, "/").await
}

async fn ask(client: &Client, path: &str) -> Result<CallResponse, CallError> {
    client.send(Method::GET, path, None, HeaderMap::new()).await
}

async fn status(status: StatusCode) -> Result<CallResponse, CallError> {
    let url = serve(Router::new().route("/", get(move || async move { (status, "said") }))).await;
    get_from(&url, &patient()).await
}

#[tokio::test]
async fn a_request_carries_method_path_query_headers_and_json() {
    let echo = |OriginalUri(uri): OriginalUri, headers: Headers, body: String| async move {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let seen = json!({ "uri": uri.to_string(), "body": body, "type": text("content-type"), "key": text("x-key") });
        seen.to_string()
    };
    let url = serve(Router::new().route("/base/things", post(echo))).await;
    let client = Client::new("callee", &format!("{url}/base/"), &patient()).expect("sound settings");
    let headers = HeaderMap::from_iter([("x-key".parse().expect("a name"), HeaderValue::from_static("7"))]);
    let answer = client.send(Method::POST, "/things?a=b", Some(&json!({"n": 1})), headers).await.expect("answered");
    let seen = json!({ "uri": "/base/things?a=b", "body": "{\"n\":1}", "type": "application/json", "key": "7" });
    assert_eq!(answer.json::<Value>(), Ok(seen));
}

#[tokio::test]
async fn a_refused_connection_is_certainly_not_sent() {
    let (listener, url) = bind().await;
    drop(listener);
    let error = get_from(&url, &patient()).await.expect_err("nobody listens");
    assert!(matches!(error, CallError::Unsent(_)), "{error:?}");
    assert!(error.certainly_not_sent());
    assert!(error.to_string().contains("refused"), "the reason is said: {error}");
}

#[tokio::test]
async fn a_4xx_is_a_response_and_a_5xx_is_an_error() {
    let declined = status(StatusCode::PAYMENT_REQUIRED).await.expect("an answer");
    assert_eq!((declined.status, declined.body.as_ref()), (StatusCode::PAYMENT_REQUIRED, b"said".as_slice()));
    for code in [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::SERVICE_UNAVAILABLE] {
        let error = status(code).await.expect_err("a failure");
        assert!(matches!(&error, CallError::Failed(answer) if answer.status == code), "{error:?}");
        assert!(!error.certainly_not_sent());
    }
}

#[tokio::test]
async fn a_redirect_is_a_response_and_is_not_followed() {
    let elsewhere = (StatusCode::FOUND, [("location", "/elsewhere")]);
    let routes = Router::new().route("/", get(elsewhere)).route("/elsewhere", get("followed"));
    let answer = get_from(&serve(routes).await, &patient()).await.expect("an answer");
    assert_eq!(answer.status, StatusCode::FOUND);
}

#[tokio::test]
async fn a_call_ends_at_the_time_limit() {
    let url = serve(Router::new().route("/", get(|| sleep(NEVER)))).await;
    let limit = Duration::from_millis(80);
    let begun = Instant::now();
    let error = get_from(&url, &Config { call_time_limit: limit, ..Config::default() }).await.expect_err("no answer");
    assert_eq!(error, CallError::TimedOut);
    assert!(!error.certainly_not_sent());
    assert!(begun.elapsed() >= limit);
}

#[tokio::test]
async fn the_time_limit_covers_the_body_too() {
    let url = answer_with("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_owned(), false).await;
    let config = Config { call_time_limit: Duration::from_millis(80), ..Config::default() };
    assert_eq!(get_from(&url, &config).await, Err(CallError::TimedOut));
}

#[tokio::test]
async fn an_answer_that_breaks_off_leaves_the_outcome_unknown() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", "nonsense\r\n\r\n"] {
        let url = answer_with(answer.to_owned(), true).await;
        let error = get_from(&url, &patient()).await.expect_err(answer);
        assert!(matches!(error, CallError::Broken(_)), "{answer:?}: {error:?}");
        assert!(!error.certainly_not_sent());
    }
}

#[tokio::test]
async fn an_answer_that_is_no_json_leaves_the_outcome_unknown() {
    let answer = status(StatusCode::OK).await.expect("answered");
    assert!(matches!(answer.json::<Value>(), Err(CallError::Broken(_))));
}

#[tokio::test]
async fn an_answer_may_be_as_long_as_allowed_and_no_longer() {
    let url = serve(
        Router::new()
            .route("/fits", get(|| async { "x".repeat(65_536) }))
            .route("/too-long", get(|| async { "x".repeat(65_537) })),
    )
    .await;
    let client = Client::new("callee", &url, &patient()).expect("sound settings");
    assert_eq!(ask(&client, "/fits").await.expect("answered").body.len(), 65_536);
    let broken = CallError::Broken("the answer is longer than 65536 bytes".to_owned());
    assert_eq!(ask(&client, "/too-long").await, Err(broken));
}

#[tokio::test]
async fn connections_are_used_again_until_they_have_been_idle_too_long() {
    let peer = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() };
    let url = serve(Router::new().route("/", get(peer))).await;
    let idle = Duration::from_secs(1);
    let client = Client::new("callee", &url, &Config { call_idle_connection: idle, ..patient() }).expect("sound");
    let mut peers = HashSet::new();
    for _ in 0..20 {
        peers.insert(ask(&client, "/").await.expect("answered").body);
    }
    assert!(peers.len() < 20, "no connection was used twice");
    sleep(idle * 2).await;
    assert!(!peers.contains(&ask(&client, "/").await.expect("answered").body), "a connection was used after its time");
}

#[tokio::test]
async fn calls_beyond_the_permits_are_rejected_until_one_ends_or_is_cancelled() {
    let url = serve(Router::new().route("/hang", get(|| sleep(NEVER))).route("/", get(|| async { "quick" }))).await;
    let client = Client::new("callee", &url, &Config { call_max_in_flight: 2, ..patient() }).expect("sound");
    let mut hanging = Vec::new();
    for _ in 0..2 {
        let mut call = Box::pin({
            let client = client.clone();
            async move { ask(&client, "/hang").await }
        });
        assert!(timeout(Duration::from_millis(20), &mut call).await.is_err(), "on its way");
        hanging.push(call);
    }
    // More than the minimum of the breaker: rejected calls are no failures.
    for _ in 0..50 {
        let busy = ask(&client, "/").await.expect_err("both slots are taken");
        assert_eq!(busy, CallError::Busy { retry_after: SOON });
        assert!(busy.certainly_not_sent());
    }
    hanging.pop();
    assert!(ask(&client, "/").await.is_ok(), "the slot of the call that was given up is free");
}

#[tokio::test]
async fn time_outs_open_the_breaker() {
    let url = serve(Router::new().route("/", get(|| sleep(NEVER)))).await;
    let limit = Duration::from_millis(40);
    let config = Config { call_time_limit: limit, breaker_min_calls: 3, breaker_open_for: NEVER, ..Config::default() };
    let client = Client::new("callee", &url, &config).expect("sound");
    for _ in 0..3 {
        assert_eq!(client.refusal(), None);
        assert_eq!(ask(&client, "/").await, Err(CallError::TimedOut));
    }
    let known = client.refusal().and_then(|error| error.retry_after());
    assert!(known.is_some_and(|left| left > NEVER / 2), "{known:?}");
    let refused = ask(&client, "/").await.expect_err("the breaker is open");
    assert!(matches!(refused, CallError::Open { .. }), "{refused:?}");
    assert!(refused.certainly_not_sent());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_breaker_rejects_each_of_hundreds_of_callers_in_under_5_ms() {
    let (listener, url) = bind().await;
    drop(listener);
    let client = Client::new("callee", &url, &Config { breaker_open_for: NEVER, ..patient() }).expect("sound");
    while !matches!(ask(&client, "/").await, Err(CallError::Open { .. })) {}
    let callers: Vec<_> = (0..500)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let begun = Instant::now();
                let error = ask(&client, "/").await.expect_err("refused");
                (begun.elapsed(), error.retry_after())
            })
        })
        .collect();
    let mut times = Vec::new();
    for caller in callers {
        let (time, retry_after) = caller.await.expect("the caller does not panic");
        assert!(retry_after.is_some_and(|left| left > NEVER / 2), "{retry_after:?}");
        times.push(time);
    }
    times.sort();
    // The slowest few may have been preempted by other processes.
    assert!(times[490] < Duration::from_millis(5), "{:?}", &times[490..]);
}

#[tokio::test]
async fn the_metrics_have_state_outcomes_durations_and_calls_in_flight() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let rendered = recorder.handle();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let url = serve(
        Router::new()
            .route("/", get(|| async { "good" }))
            .route("/fails", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
            .route("/hang", get(|| sleep(NEVER))),
    )
    .await;
    let config = Config { breaker_min_calls: 2, breaker_window: 2, breaker_failure_rate: 1.0, ..patient() };
    let client = Client::new("callee", &url, &config).expect("sound");
    let has = |line: &str| assert!(rendered.render().contains(line), "{line} in\n{}", rendered.render());

    has("call_breaker_state{call=\"callee\"} 0");
    has("# HELP call_breaker_state 0 closed, 1 half-open, 2 open");
    ask(&client, "/").await.expect("answered");
    {
        let mut hanging = Box::pin(ask(&client, "/hang"));
        assert!(timeout(Duration::from_millis(20), &mut hanging).await.is_err());
        has("call_in_flight{call=\"callee\"} 1");
    }
    has("call_in_flight{call=\"callee\"} 0");
    for _ in 0..2 {
        ask(&client, "/fails").await.expect_err("failed");
    }
    has("call_breaker_state{call=\"callee\"} 2");
    ask(&client, "/fails").await.expect_err("refused");
    for outcome in ["answered\"} 1", "cancelled\"} 1", "failed\"} 2", "open\"} 1"] {
        has(&format!("call_outcomes_total{{call=\"callee\",outcome=\"{outcome}"));
    }
    has("call_duration_seconds_count{call=\"callee\"} 4");
}

#[tokio::test]
async fn an_invalid_address_is_rejected_at_the_start() {
    for url in ["callee", "https://host", "http://", "http://host/?a=b", "ftp://host"] {
        let error = Client::new("callee", url, &Config::default()).err().expect(url);
        assert!(matches!(error, ConfigError::BaseUrl { .. }), "{url}: {error}");
    }
    let bad = Config { breaker_probes: 0, ..Config::default() };
    assert!(Client::new("callee", "http://host", &bad).is_err(), "the settings are checked too");
}

#[tokio::test]
async fn a_path_cannot_lead_to_another_host() {
    let client = Client::new("callee", "http://127.0.0.1:9", &Config::default()).expect("sound");
    let error = ask(&client, "@elsewhere/").await.expect_err("no path");
    assert_eq!(error, CallError::Unsent("the path does not begin with a slash".to_owned()));
}
