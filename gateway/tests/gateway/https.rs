//! The gateway with a certificate: HTTP/2 and HTTP/1.1 over TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use http_body_util::BodyExt;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::fixture::{Service, TIMEOUT, echo_headers, until};
use crate::process::{ends_in_order, free, gateway, status};

/// A gateway process with its own certificate.
struct Site {
    edge: SocketAddr,
    admin: SocketAddr,
    files: [PathBuf; 2],
    certificate: CertificateDer<'static>,
    gateway: Child,
    _service: Service,
}

/// A request that the test answers.
fn service() -> Router {
    let slow = async || {
        sleep(Duration::from_millis(500)).await;
        "slow"
    };
    let large = async || Body::from(vec![b'x'; 4 << 20]);
    Router::new().route("/things/slow", get(slow)).route("/things/large", get(large)).fallback(echo_headers)
}

/// Writes a new certificate and its key.
fn certify(files: &[PathBuf; 2]) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&files[0], made.cert.pem()).unwrap();
    std::fs::write(&files[1], made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

impl Site {
    async fn start() -> Self {
        Self::draining_for("0s").await
    }

    async fn draining_for(drain_delay: &str) -> Self {
        let (edge, admin, service) = (free().await, free().await, Service::start(service()).await);
        let file =
            |name: &str| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("https-{}-{name}", edge.port()));
        let files = [file("cert.pem"), file("key.pem")];
        let certificate = certify(&files);
        let routes = format!(
            "[upstreams]\nthings = \"http://{}\"\n\
             [[routes]]\npath = \"/things\"\nupstream = \"things\"\nmethods = [\"GET\"]\n",
            service.address
        );
        std::fs::write(file("routes.toml"), routes).unwrap();
        let mut command = gateway();
        command.env("GATEWAY_ROUTES", file("routes.toml")).env("LISTEN", edge.to_string());
        command.env("GATEWAY_ADMIN", admin.to_string()).env("GATEWAY_RELOAD_EVERY", "50ms").env("WRITE_TIMEOUT", "1s");
        command.env("DRAIN_DELAY", drain_delay);
        command.env("TLS_CERT_FILE", &files[0]).env("TLS_KEY_FILE", &files[1]);
        let gateway = command.spawn().unwrap();
        assert_eq!(status(admin, "/readyz").await, 200);
        Self { edge, admin, files, certificate, gateway, _service: service }
    }

    async fn connect(&self, protocol: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(self.edge).await.unwrap();
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    async fn http2(&self) -> http2::SendRequest<Body> {
        let io = TokioIo::new(self.connect(b"h2").await.unwrap());
        let (client, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

fn request(path: &str) -> http::Request<Body> {
    http::Request::get(format!("https://localhost{path}"))
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("x-forwarded-proto", "http")
        .body(Body::empty())
        .unwrap()
}

async fn read(answer: http::Response<hyper::body::Incoming>) -> Bytes {
    timeout(TIMEOUT, answer.into_body().collect()).await.unwrap().unwrap().to_bytes()
}

#[tokio::test]
async fn http2_is_accepted_and_forwarded_proto_is_https() {
    let site = Site::start().await;
    let mut client = site.http2().await;
    let answers = [client.send_request(request("/things")), client.send_request(request("/things"))];
    for answer in futures_util::future::join_all(answers).await {
        let answer = answer.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
        let headers: Value = serde_json::from_slice(&read(answer).await).unwrap();
        assert_eq!(headers["x-forwarded-proto"], json!("https"));
        assert_eq!(headers["x-forwarded-host"], json!("localhost"));
        assert_eq!(headers["cookie"], json!("a=1; b=2"));
    }
    ends_in_order(site.gateway).await;
}

#[tokio::test]
async fn http1_over_tls_is_accepted_and_plain_text_is_not() {
    let site = Site::start().await;
    let io = TokioIo::new(site.connect(b"http/1.1").await.unwrap());
    let (mut client, connection) = http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let mut request = request("/things");
    *request.uri_mut() = "/things".parse().unwrap();
    request.headers_mut().insert("host", "localhost".parse().unwrap());
    let answer = client.send_request(request).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_11));

    let mut plain = TcpStream::connect(site.edge).await.unwrap();
    plain.write_all(b"GET /things HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(TIMEOUT, plain.read_to_end(&mut answer)).await.expect("it stays open");
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(status(site.admin, "/livez").await, 200);
    ends_in_order(site.gateway).await;
}

#[tokio::test]
async fn a_new_certificate_is_used_without_a_restart_and_a_broken_one_never() {
    let mut site = Site::start().await;
    let mut held = site.http2().await;
    std::fs::write(&site.files[0], "no certificate").unwrap();
    sleep(Duration::from_millis(200)).await;
    assert!(site.connect(b"h2").await.is_ok(), "that of before");
    site.certificate = certify(&site.files);
    until("the new certificate is shown", async || site.connect(b"h2").await.is_ok()).await;
    assert_eq!(
        held.send_request(request("/things")).await.unwrap().status(),
        200,
        "connections outlive their certificate"
    );
    ends_in_order(site.gateway).await;
}

#[tokio::test]
async fn requests_in_flight_are_answered_at_shutdown() {
    let site = Site::start().await;
    let mut client = site.http2().await;
    let slow = tokio::spawn(client.send_request(request("/things/slow")));
    // Streams of a connection are opened in order: when this one is answered the other has begun.
    assert_eq!(client.send_request(request("/things")).await.unwrap().status(), 200);
    let pid = site.gateway.id().unwrap().to_string();
    assert!(Command::new("kill").arg(pid).status().await.unwrap().success());
    let answer = timeout(TIMEOUT, slow).await.unwrap().unwrap().unwrap();
    assert_eq!(read(answer).await, "slow");
    let mut gateway = site.gateway;
    assert!(timeout(TIMEOUT, gateway.wait()).await.unwrap().unwrap().success());
}

#[tokio::test]
async fn requests_during_the_drain_are_answered() {
    let site = Site::draining_for("2s").await;
    let pid = site.gateway.id().unwrap().to_string();
    assert!(Command::new("kill").arg(pid).status().await.unwrap().success());
    until("it is about to end", async || status(site.admin, "/readyz").await != 200).await;
    for _ in 0..5 {
        let answer = site.http2().await.send_request(request("/things")).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let mut gateway = site.gateway;
    assert!(timeout(TIMEOUT, gateway.wait()).await.unwrap().unwrap().success());
}

#[tokio::test]
async fn an_unread_response_is_cut_off_and_others_on_its_connection_continue() {
    let site = Site::start().await;
    let mut client = site.http2().await;
    let unread = client.send_request(request("/things/large")).await.unwrap();
    assert_eq!(unread.status(), 200);
    // The limit is one second: each of these responses is read, before that and after.
    let (began, mut read) = (tokio::time::Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(3) {
        assert_eq!(client.send_request(request("/things")).await.unwrap().status(), 200);
        read += 1;
        sleep(Duration::from_millis(50)).await;
    }
    assert!(read > 2, "{read}");
    let ended = timeout(TIMEOUT, unread.into_body().collect()).await.expect("it may go on for ever");
    assert!(ended.is_err(), "it is read to its end");
    ends_in_order(site.gateway).await;
}

#[tokio::test]
async fn https_needs_both_files_and_an_admin_address() {
    for (variables, expected) in [
        (vec![("TLS_CERT_FILE", "/no/such")], "--tls-key-file"),
        (vec![("TLS_CERT_FILE", "/no/such"), ("TLS_KEY_FILE", "/no/such")], "--admin"),
    ] {
        let output = gateway().envs(variables).output().await.unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(expected), "{text}");
    }
    let mut broken = gateway();
    broken.env("TLS_CERT_FILE", "/no/such").env("TLS_KEY_FILE", "/no/such");
    broken.env("LISTEN", free().await.to_string()).env("GATEWAY_ADMIN", free().await.to_string());
    let text = String::from_utf8(broken.output().await.unwrap().stderr).unwrap();
    assert!(text.contains("no HTTPS (set by TLS_CERT_FILE, TLS_KEY_FILE): /no/such: "), "{text}");
}
