//! The binary.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::fixture::TIMEOUT;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../services/matching/gateway.toml");

pub fn gateway() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.env("GATEWAY_ROUTES", SHIPPED).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// An address that was free recently.
pub async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// The status of a GET, as soon as there is a listener.
pub async fn status(at: SocketAddr, path: &str) -> u16 {
    let response = async {
        let mut connection = loop {
            match TcpStream::connect(at).await {
                Ok(connection) => break connection,
                Err(_) => sleep(std::time::Duration::from_millis(10)).await,
            }
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    };
    timeout(TIMEOUT, response).await.expect("no answer")
}

pub async fn ends_in_order(mut gateway: Child) {
    let pid = gateway.id().unwrap().to_string();
    assert!(Command::new("kill").arg(pid).status().await.unwrap().success());
    assert!(timeout(TIMEOUT, gateway.wait()).await.expect("it runs on").unwrap().success());
}

/// The one line of a failed start.
async fn refusal(mut command: Command) -> String {
    let output = timeout(TIMEOUT, command.output()).await.expect("it runs on").unwrap();
    assert!(!output.status.success());
    let output = String::from_utf8(output.stderr).unwrap();
    output.lines().find(|line| line.starts_with("gateway: ")).expect(&output).to_owned()
}

#[tokio::test]
async fn it_starts_with_the_shipped_routes_and_stops_on_sigterm() {
    let edge = free().await;
    let gateway = gateway().env("LISTEN", edge.to_string()).spawn().unwrap();
    assert_eq!(status(edge, "/readyz").await, 200);
    assert_eq!(status(edge, "/healthz").await, 200);
    ends_in_order(gateway).await;
}

#[tokio::test]
async fn with_an_admin_address_health_and_metrics_are_served_there_only() {
    let (edge, admin) = (free().await, free().await);
    let gateway = gateway().env("LISTEN", edge.to_string()).env("GATEWAY_ADMIN", admin.to_string()).spawn().unwrap();
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!((status(admin, path).await, status(edge, path).await), (200, 404), "{path}");
    }
    assert_eq!((status(admin, "/healthz").await, status(edge, "/healthz").await), (404, 200));
    ends_in_order(gateway).await;
}

#[tokio::test]
async fn a_failed_start_is_explained_in_one_line() {
    let mut no_file = gateway();
    no_file.env("GATEWAY_ROUTES", "/no/such/file");
    let output = refusal(no_file).await;
    assert!(output.contains("cannot read /no/such/file (set by GATEWAY_ROUTES)"), "{output}");

    let bad = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bad-routes.toml");
    std::fs::write(&bad, "[upstreams]\n[limits]\nbdy = 1\n").unwrap();
    let mut bad_file = gateway();
    bad_file.env("GATEWAY_ROUTES", &bad);
    let output = refusal(bad_file).await;
    assert!(output.contains("line 3 (bdy = 1): unknown field `bdy`"), "{output}");

    let mut bad_variable = gateway();
    bad_variable.env("UPSTREAM_VISIT", "visit:8080");
    let output = refusal(bad_variable).await;
    assert!(output.contains("UPSTREAM_VISIT: 'visit:8080' must begin with http://"), "{output}");

    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut no_edge = gateway();
    no_edge.env("LISTEN", &address).env("GATEWAY_ADMIN", free().await.to_string());
    let output = refusal(no_edge).await;
    assert!(output.contains(&format!("cannot listen on {address} (set by LISTEN)")), "{output}");
}

#[tokio::test]
async fn it_does_not_start_without_authentication_where_that_is_required() {
    let mut command = gateway();
    command.env("REQUIRE_IDENTITY", "true").env("LISTEN", free().await.to_string());
    let output = refusal(command).await;
    assert!(output.contains("no issuer is set (identity.issuer or IDENTITY_ISSUER)"), "{output}");
}

#[tokio::test]
async fn it_does_not_start_with_invalid_keys_or_rules() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let no_key = folder.join("no-key.pem");
    std::fs::write(&no_key, "secret").unwrap();
    let identity = async || {
        let mut command = gateway();
        command.env("IDENTITY_ISSUER", "https://id.example").env("IDENTITY_AUDIENCE", "matching");
        command.env("LISTEN", free().await.to_string());
        command
    };
    let output = refusal(identity().await).await;
    assert!(output.contains("INTERNAL_TOKEN_SIGNING_KEY_FILE is not set"), "{output}");
    let mut broken = identity().await;
    broken.env("INTERNAL_TOKEN_SIGNING_KEY_FILE", &no_key);
    let output = refusal(broken).await;
    assert!(output.contains("no-key.pem: no Ed25519 key in PEM") && !output.contains("secret"), "{output}");
}
