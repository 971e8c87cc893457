//! Requests that two parsers could split in different ways. The service gets exactly the requests that the gateway has
//! parsed; all others are rejected.

use crate::fixture::Gateway;
use crate::recorder::Recorder;

/// The bytes sent, the statuses of all responses, and the requests at the service as `METHOD TARGET BODY`.
type Case = (&'static str, &'static [u16], &'static [&'static str]);

/// The request that must not get through if it is part of another one's body.
macro_rules! hidden {
    () => {
        "GET /things/hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    };
}

/// A request with these header lines, and these bytes after the head.
macro_rules! post {
    ($lines:expr, $rest:expr) => {
        concat!("POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n", $lines, "\r\n\r\n", $rest)
    };
}

macro_rules! get {
    ($lines:expr) => {
        concat!("GET /things HTTP/1.1\r\nHost: x\r\n", $lines, "\r\n\r\n")
    };
}

/// Sends each and compares; afterwards other clients are served as before.
async fn try_all(cases: &[Case]) {
    let service = Recorder::start().await;
    let gateway = Gateway::with_short_timeouts(service.address).await;
    let mut wrong = Vec::new();
    for (sent, statuses, reached) in cases {
        let (answer, _) = gateway.raw_bytes(sent.as_bytes()).await;
        let arrived: Vec<String> = service.take().iter().map(super::recorder::Arrived::line).collect();
        if arrived != *reached || answered(&answer) != *statuses {
            wrong.push(format!("{sent:?}\n  answered {:?}, the service got {arrived:?}", answered(&answer)));
        }
        assert_eq!(gateway.get("/things/after").await.status(), 200);
        let after: Vec<String> = service.take().iter().map(super::recorder::Arrived::line).collect();
        assert_eq!(after, ["GET /things/after"], "after {sent:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The statuses of the responses, in order.
fn answered(answers: &str) -> Vec<u16> {
    let heads = answers.split("HTTP/1.").skip(1).map(|answer| &answer[2..5]);
    heads.map(|status| status.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_body_with_two_lengths_is_refused_or_read_as_chunked_and_its_rest_is_nothing() {
    try_all(&[
        // CL.TE and TE.CL: chunked takes precedence, and the connection closes after the request.
        (
            post!("Content-Length: 6\r\nTransfer-Encoding: chunked", concat!("0\r\n\r\n", hidden!())),
            &[200],
            &["POST /things"],
        ),
        (
            post!("Transfer-Encoding: chunked\r\nContent-Length: 6", concat!("0\r\n\r\n", hidden!())),
            &[200],
            &["POST /things"],
        ),
        (
            post!("Transfer-Encoding: chunked\r\nContent-Length: 4", concat!("28\r\n", hidden!(), "\r\n0\r\n\r\n")),
            &[200],
            &["POST /things GET /things/hidden HTTP/1.1\r\nHost: x"],
        ),
        // CL.CL
        (post!("Content-Length: 5\r\nContent-Length: 6", "hello!"), &[400], &[]),
        (post!("Content-Length: 0\r\nContent-Length: 40", hidden!()), &[400], &[]),
        (post!("Content-Length: 5, 6", "hello!"), &[400], &[]),
        (post!("Content-Length: 5, 5\r\nConnection: close", "hello"), &[400], &[]),
        (
            post!("Content-Length: 5\r\nContent-Length: 5\r\nConnection: close", "hello"),
            &[200],
            &["POST /things hello"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_length_that_is_not_plain_digits_is_refused() {
    try_all(&[
        (post!("Content-Length: +5", "hello"), &[400], &[]),
        (post!("Content-Length: -5", "hello"), &[400], &[]),
        (post!("Content-Length: 0x5", "hello"), &[400], &[]),
        (post!("Content-Length: 5.0", "hello"), &[400], &[]),
        (post!("Content-Length: 5 5", "hello"), &[400], &[]),
        (post!("Content-Length: 5;", "hello"), &[400], &[]),
        (post!("Content-Length: \"5\"", "hello"), &[400], &[]),
        (post!("Content-Length:", "hello"), &[400], &[]),
        (post!("Content-Length: 18446744073709551621", "hello"), &[400], &[]),
        (post!("Content-Length : 5", "hello"), &[400], &[]),
        (post!("Content-Length\t: 5", "hello"), &[400], &[]),
        (post!(" Content-Length: 5", "hello"), &[400], &[]),
        (post!("Content-Length: \x0b5", "hello"), &[400], &[]),
        // The grammar allows leading zeros, and spaces around.
        (post!("Content-Length: \t005 \r\nConnection: close", "hello"), &[200], &["POST /things hello"]),
    ])
    .await;
}

#[tokio::test]
async fn a_transfer_coding_is_chunked_or_refused() {
    let cases: &[Case] = &[
        (
            post!("Transfer-Encoding: CHUNKED\r\nConnection: close", "5\r\nhello\r\n0\r\n\r\n"),
            &[200],
            &["POST /things hello"],
        ),
        (
            post!("Transfer-Encoding:\tchunked \r\nConnection: close", "5\r\nhello\r\n0\r\n\r\n"),
            &[200],
            &["POST /things hello"],
        ),
        (post!("Transfer-Encoding: xchunked\r\nContent-Length: 5", "0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: chunked, identity", "0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: identity\r\nContent-Length: 5", "0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: chunked;q=1", "0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: \x0bchunked\r\nContent-Length: 5", "0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding : chunked\r\nContent-Length: 5", "0\r\n\r\n"), &[400], &[]),
        (post!("Content-Length: 5\r\n Transfer-Encoding: chunked", "0\r\n\r\n"), &[400], &[]),
        (post!("X: y\r\n\tTransfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding:\r\n chunked", "0\r\n\r\n"), &[400], &[]),
        (post!("X: y\rTransfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"), &[400], &[]),
        // This header is never forwarded.
        (
            post!("Transfer_Encoding: chunked\r\nContent-Length: 5\r\nConnection: close", "0\r\n\r\n"),
            &[200],
            &["POST /things 0"],
        ),
        ("POST /things HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &[400], &[]),
    ];
    try_all(cases).await;
}

#[tokio::test]
async fn chunks_are_taken_apart_here_and_broken_ones_go_no_further() {
    let mut endless = post!("Transfer-Encoding: chunked", "5;").to_owned();
    endless.push_str(&"x".repeat(40_000));
    let endless: &'static str = endless.leak();
    try_all(&[
        (
            post!("Transfer-Encoding: chunked\r\nConnection: close", "5;a=b\r\nhello\r\n0;c\r\n\r\n"),
            &[200],
            &["POST /things hello"],
        ),
        (
            post!(
                "Transfer-Encoding: chunked\r\nConnection: close",
                "3\r\nhel\r\n002\r\nlo\r\n0\r\nX-Hidden: 1\r\n\r\n"
            ),
            &[200],
            &["POST /things hello"],
        ),
        (post!("Transfer-Encoding: chunked", "-5\r\nhello\r\n0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: chunked", "0x5\r\nhello\r\n0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: chunked", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: chunked", "5\r\nhello0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: chunked", "5\r\nhello!\r\n0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: chunked", "5\nhello\n0\n\n"), &[400], &[]),
        (post!("Transfer-Encoding: chunked", "5;\nx\r\nhello\r\n0\r\n\r\n"), &[400], &[]),
        (post!("Transfer-Encoding: chunked", "\r\n0\r\n\r\n"), &[400], &[]),
        // Neither ends: one exceeds the limit of chunk headers, the other the time limit.
        (endless, &[400], &[]),
        (post!("Transfer-Encoding: chunked", "5\r\nhel"), &[408], &[]),
    ])
    .await;
}

#[tokio::test]
async fn a_request_line_has_one_form_and_leads_nowhere_else() {
    try_all(&[
        ("GET http://evil.example/things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[200], &["GET /things"]),
        ("GET http://x@evil.example/things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET http://user:pw@evil.example:81/things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET http://evil.example:99999/things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET http://evil.example:/things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[200], &["GET /things"]),
        ("GET http://evil.example/things HTTP/1.1\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET http://evil.example/things HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET ftp://evil.example/things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET http://other.example/things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[421], &[]),
        ("GET http://evil.example HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[404], &[]),
        ("GET evil.example:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[404], &[]),
        ("CONNECT evil.example:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[404], &[]),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[404], &[]),
        ("GET  /things HTTP/1.1\r\nHost: x\r\n\r\n", &[400], &[]),
        ("GET /things  HTTP/1.1\r\nHost: x\r\n\r\n", &[400], &[]),
        ("GET /things HTTP/1.1 HTTP/1.1\r\nHost: x\r\n\r\n", &[400], &[]),
        ("GET /things\tHTTP/1.1\r\nHost: x\r\n\r\n", &[400], &[]),
        (" GET /things HTTP/1.1\r\nHost: x\r\n\r\n", &[400], &[]),
        ("GET /things HTTP/1.2\r\nHost: x\r\n\r\n", &[400], &[]),
        ("GET /things HTTP/2.0\r\nHost: x\r\n\r\n", &[400], &[]),
        ("GET /things\r\nHost: x\r\n\r\n", &[400], &[]),
        // The preface of HTTP/2 without its last lines.
        ("PRI * HTTP/2.0\r\nHost: x\r\n\r\n", &[400], &[]),
        ("GET /things#x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[200], &["GET /things"]),
        // A line feed alone ends a line too (RFC 9112, section 2.2); the service gets the full form.
        ("GET /things HTTP/1.1\nHost: x\nConnection: close\n\n", &[200], &["GET /things"]),
        ("\r\n\r\nGET /things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[200], &["GET /things"]),
    ])
    .await;
}

#[tokio::test]
async fn a_request_has_one_host() {
    try_all(&[
        ("GET /things HTTP/1.1\r\nConnection: close\r\n\r\n", &[400], &[]),
        (get!("Host: y\r\nConnection: close"), &[400], &[]),
        ("GET /things HTTP/1.1\r\nHost: x/y\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET /things HTTP/1.1\r\nHost: x, y\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET /things HTTP/1.1\r\nHost: y@x\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET /things HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET /things HTTP/1.1\r\nHost: :8088\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET /things HTTP/1.1\r\nHost: x:65536\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET /things HTTP/1.1\r\nHost: x:8o\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET /things HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET /things HTTP/1.1\r\nHost: 127.1\r\nConnection: close\r\n\r\n", &[400], &[]),
        ("GET /things HTTP/1.1\r\nHost: x,y\r\nConnection: close\r\n\r\n", &[400], &[]),
        // An empty port is the default port (RFC 3986, section 3.2.3).
        ("GET /things HTTP/1.1\r\nHost: localhost:\r\nConnection: close\r\n\r\n", &[200], &["GET /things"]),
        ("GET /things HTTP/1.1\r\nHost: [::1]:8088\r\nConnection: close\r\n\r\n", &[200], &["GET /things"]),
        ("GET /things HTTP/1.0\r\n\r\n", &[200], &["GET /things"]),
    ])
    .await;
}

#[tokio::test]
async fn what_follows_a_request_is_the_next_one_or_is_refused() {
    try_all(&[
        (concat!(get!("X: 1"), get!("Connection: close")), &[200, 200], &["GET /things", "GET /things"]),
        (
            concat!("GET /things HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /things/2 HTTP/1.0\r\n\r\n"),
            &[200, 200],
            &["GET /things", "GET /things/2"],
        ),
        (concat!("GET /things HTTP/1.0\r\n\r\n", hidden!()), &[200], &["GET /things"]),
        (concat!(get!("Connection: close"), hidden!()), &[200], &["GET /things"]),
        (concat!(get!("X: 1"), "\u{0}\u{1}garbage\r\n\r\n", hidden!()), &[200, 400], &["GET /things"]),
        (concat!(get!("X: 1"), "\u{16}\u{3}\u{1} TLS?\r\n\r\n"), &[200, 400], &["GET /things"]),
        // A GET may have a body, which is no request.
        (
            concat!("GET /things HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\nConnection: close\r\n\r\n", hidden!()),
            &[200],
            &["GET /things GET /things/hidden HTTP/1.1\r\nHost: x"],
        ),
        // Rejected for its path, and the body is still its body.
        (concat!("POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n", hidden!()), &[404], &[]),
        (concat!("BREW /things HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n", hidden!()), &[405], &[]),
        (concat!("OPTIONS /things HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n", hidden!()), &[204], &[]),
    ])
    .await;
}

#[tokio::test]
async fn upgrade_and_expect_are_not_forwarded() {
    try_all(&[
        (get!("Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x"), &[200], &["GET /things"]),
        (
            get!("Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"),
            &[200],
            &["GET /things"],
        ),
        (
            post!("Expect: 100-continue\r\nContent-Length: 5\r\nConnection: close", "hello"),
            &[100, 200],
            &["POST /things hello"],
        ),
        (
            post!("Expect: something\r\nContent-Length: 5\r\nConnection: close", "hello"),
            &[200],
            &["POST /things hello"],
        ),
        (post!("Expect: 100-continue\r\nContent-Length: 70000\r\nConnection: close", ""), &[413], &[]),
    ])
    .await;
}

#[tokio::test]
async fn headers_that_connection_names_do_not_reach_the_service() {
    let service = Recorder::start().await;
    let gateway = Gateway::with_short_timeouts(service.address).await;
    for connection in
        ["close, X-Secret", "close,,x-secret ,", "close\r\nConnection: X-SECRET", "close, x-secret, caf\u{e9}"]
    {
        let (answer, _) = gateway.raw_bytes(get_with(connection).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{connection}: {answer}");
        let arrived = service.take();
        assert_eq!(arrived.len(), 1, "{connection}");
        let head = arrived[0].head.to_ascii_lowercase();
        assert!(!head.contains("x-secret") && !head.contains("connection:"), "{connection}: {head}");
        assert!(head.contains("x-kept: 1") && head.contains("x-forwarded-for: 127.0.0.1"), "{head}");
    }
}

fn get_with(connection: &str) -> String {
    format!("GET /things HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\nX-Secret: 1\r\nX-Kept: 1\r\n\r\n")
}
