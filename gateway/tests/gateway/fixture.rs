//! A gateway and its services in one test.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ambient::{Clock, Ids, SystemClock};
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::{Json, Router};
use gateway::config::Config;
use gateway::request::authenticator::Authenticator;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Longer than anything takes; only a failing test waits for it.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// A service that counts its connections.
pub struct Service {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Service {
    pub async fn start(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Counted { listener, connections: Arc::clone(&connections) };
        tokio::spawn(async move { axum::serve(counted, router).await });
        Self { address, connections }
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

struct Counted {
    listener: TcpListener,
    connections: Arc<AtomicUsize>,
}

impl axum::serve::Listener for Counted {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let accepted = self.listener.accept().await.unwrap();
        self.connections.fetch_add(1, Ordering::SeqCst);
        accepted
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A gateway that runs as its binary does.
pub struct Gateway {
    pub address: SocketAddr,
    client: Client<hyper_util::client::legacy::connect::HttpConnector, Body>,
    ending: CancellationToken,
    ended: JoinHandle<Result<(), chassis::RunError>>,
}

impl Gateway {
    /// A gateway with one route, `/things`, to `service`, and further lines of its file.
    pub async fn to(service: SocketAddr, more: &str) -> Self {
        Self::start(&Self::routes(service, more)).await
    }

    /// A gateway with short time limits for requests: it soon closes connections of incomplete ones.
    pub async fn with_short_timeouts(service: SocketAddr) -> Self {
        let limits = "[limits]\nupload_idle = \"300ms\"\n";
        let limit = Duration::from_millis(300);
        let config = chassis::Config { header_read_timeout: limit, ..Self::settings() };
        Self::with(&Self::routes(service, limits), config).await
    }

    pub fn routes(service: SocketAddr, more: &str) -> String {
        format!(
            "[upstreams]\nthings = \"http://{service}\"\n\
             [[routes]]\npath = \"/things\"\nupstream = \"things\"\nmethods = [\"GET\", \"HEAD\", \"POST\", \"DELETE\"]\n\
             [[routes]]\npath = \"/things/*/events\"\nupstream = \"things\"\nmethods = [\"GET\"]\nstream = true\n{more}"
        )
    }

    pub async fn start(routes: &str) -> Self {
        Self::with(routes, Self::settings()).await
    }

    /// Hosts that tests use besides the gateway's own.
    fn settings() -> chassis::Config {
        let allowed_hosts = "x, y, shop.example, evil.example".parse().unwrap();
        chassis::Config { allowed_hosts, ..chassis::Config::default() }
    }

    /// A gateway with authentication that signs passes with this key.
    pub async fn guarded(routes: &str, signing_key: &std::path::Path) -> Self {
        Self::guarded_at(routes, signing_key, Arc::new(SystemClock)).await
    }

    /// The same, with this clock.
    pub async fn guarded_at(routes: &str, signing_key: &std::path::Path, clock: Arc<dyn Clock>) -> Self {
        Self::build(routes, chassis::Config::default(), Some(signing_key.to_owned()), clock).await
    }

    pub async fn with(routes: &str, settings: chassis::Config) -> Self {
        Self::build(routes, settings, None, Arc::new(SystemClock)).await
    }

    async fn build(
        routes: &str,
        settings: chassis::Config,
        signing_key: Option<std::path::PathBuf>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let config = Config::parse(routes, |_| None).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ending = CancellationToken::new();
        let shutdown = ending.clone().cancelled_owned();
        let ended = tokio::spawn(async move {
            let host = chassis::Host::new(Arc::clone(&clock), Arc::new(Ids::seeded(clock, 1)));
            let build = async |host: chassis::Host| {
                let authenticator = Authenticator::start(&config, signing_key.as_deref(), false, &host)?.map(Arc::new);
                Ok(gateway::reload::CurrentEdge::new(config, authenticator, &host))
            };
            chassis::run_until(host, &settings, listener, build, shutdown).await
        });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { address, client, ending, ended }
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    pub fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(format!("http://{}{path}", self.address))
    }

    /// Sends a request; unsafe ones are JSON by default.
    pub async fn send(&self, mut request: Request) -> Response {
        if !chassis::access::is_safe(request.method()) {
            request.headers_mut().entry("content-type").or_insert(http::HeaderValue::from_static("application/json"));
        }
        self.send_as_it_is(request).await
    }

    pub async fn send_as_it_is(&self, request: Request) -> Response {
        timeout(TIMEOUT, self.client.request(request)).await.unwrap().unwrap().map(Body::new)
    }

    /// The response to these bytes, until the connection is closed.
    pub async fn raw(&self, bytes: &str) -> String {
        let (answer, ended) = self.raw_bytes(bytes.as_bytes()).await;
        ended.unwrap();
        answer
    }

    /// As [`Self::raw`], with the result of closing. A server that rejects a partly sent request may have to reset the
    /// connection.
    pub async fn raw_bytes(&self, bytes: &[u8]) -> (String, std::io::Result<()>) {
        let (mut reading, mut writing) = self.connect().await.into_split();
        let mut answer = Vec::new();
        let both = async { tokio::join!(writing.write_all(bytes), reading.read_to_end(&mut answer)) };
        let (written, read) = timeout(TIMEOUT, both).await.expect("neither answered nor closed");
        (String::from_utf8(answer).unwrap(), written.and(read.map(|_| ())))
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Does what SIGTERM does.
    pub fn shut_down(&self) {
        self.ending.cancel();
    }

    pub async fn ended(self) {
        timeout(TIMEOUT, self.ended).await.unwrap().unwrap().unwrap();
    }
}

pub async fn text(response: Response) -> String {
    let bytes = timeout(TIMEOUT, response.into_body().collect()).await.unwrap().unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub async fn json(response: Response) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

/// Asserts that this is a problem with this status.
pub async fn assert_problem(response: Response, status: u16) -> Value {
    let problem_json = response.headers()["content-type"] == "application/problem+json";
    let answered = response.status();
    let body = json(response).await;
    assert!(answered == status && problem_json && body["status"] == status, "{answered}: {body}");
    body
}

/// Waits until `holds` is true.
pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let waited = async {
        while !holds().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(TIMEOUT, waited).await.is_ok(), "not within {TIMEOUT:?}: {what}");
}

/// A service that responds with the headers it received.
pub async fn echo_headers(request: Request) -> Json<BTreeMap<String, String>> {
    let all = request.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    Json(all.collect())
}
