//! Requests that are too large, and bytes that are not text.

use crate::fixture::Gateway;
use crate::recorder::Recorder;

/// Sends the bytes; returns the first status, or none if there was no response.
async fn status(gateway: &Gateway, bytes: &[u8]) -> Option<u16> {
    let (answer, _) = gateway.raw_bytes(bytes).await;
    answer.split(' ').nth(1).map(|status| status.parse().unwrap())
}

async fn try_all(cases: Vec<(&str, Vec<u8>, u16)>) {
    let service = Recorder::start().await;
    let gateway = Gateway::with_short_timeouts(service.address).await;
    for (name, bytes, expected) in cases {
        assert_eq!(status(&gateway, &bytes).await, Some(expected), "{name}");
        assert_eq!(service.take().len(), usize::from(expected == 200), "{name}");
        assert_eq!(gateway.get("/things").await.status(), 200, "after {name}");
        service.take();
    }
}

fn get(lines: &str) -> Vec<u8> {
    format!("GET /things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n").into_bytes()
}

fn post(lines: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n{lines}\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn chunked(chunk: usize, times: usize) -> Vec<u8> {
    let part = format!("{chunk:x}\r\n{}\r\n", "x".repeat(chunk));
    format!("{}0\r\n\r\n", part.repeat(times)).into_bytes()
}

#[tokio::test]
async fn a_head_has_its_limits() {
    let long = |length: usize| "x".repeat(length);
    let path = |length: usize| format!("GET /things/{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", long(length));
    try_all(vec![
        ("a long path", path(10_000).into_bytes(), 200),
        ("too long a path", path(20_000).into_bytes(), 431),
        ("much too long a path", path(200_000).into_bytes(), 431),
        ("a long query", format!("GET /things?{} HTTP/1.1\r\nHost: x\r\n\r\n", long(20_000)).into_bytes(), 431),
        ("a long method", format!("{} /things HTTP/1.1\r\nHost: x\r\n\r\n", long(20_000)).into_bytes(), 431),
        ("a long header", get(&format!("X: {}\r\n", long(10_000))), 200),
        ("too long a header", get(&format!("X: {}\r\n", long(20_000))), 431),
        ("too long a name", get(&format!("{}: 1\r\n", long(20_000))), 431),
        ("many headers", get(&"X: 1\r\n".repeat(98)), 200),
        ("too many headers", get(&"X: 1\r\n".repeat(99)), 431),
        ("far too many headers", get(&"X: 1\r\n".repeat(20_000)), 431),
        (
            "too many different headers",
            get(&(0..200).map(|n| format!("X-{n}: 1\r\n")).collect::<Vec<_>>().concat()),
            431,
        ),
        ("a head without an end", format!("GET /things HTTP/1.1\r\n{}", "X: 1\r\n".repeat(10_000)).into_bytes(), 431),
    ])
    .await;
}

#[tokio::test]
async fn a_body_has_its_limit_however_it_is_framed() {
    let length = |bytes: usize| format!("Content-Length: {bytes}\r\n");
    try_all(vec![
        ("the largest body", post(&length(65_536), &[b'x'; 65_536]), 200),
        ("one byte more", post(&length(65_537), &[b'x'; 65_537]), 413),
        ("a megabyte", post(&length(1 << 20), &vec![b'x'; 1 << 20]), 413),
        ("a promise of very much", post(&length(usize::MAX / 2), b"x"), 413),
        ("the largest in chunks", post("Transfer-Encoding: chunked\r\n", &chunked(1024, 64)), 200),
        ("a chunk more", post("Transfer-Encoding: chunked\r\n", &chunked(1024, 65)), 413),
        ("a thousand chunks more", post("Transfer-Encoding: chunked\r\n", &chunked(1024, 1000)), 413),
        ("many small chunks", post("Transfer-Encoding: chunked\r\n", &chunked(1, 5000)), 200),
        ("one huge chunk", post("Transfer-Encoding: chunked\r\n", &chunked(1 << 20, 1)), 413),
        ("a body that stops", post(&length(10), b"hello"), 408),
    ])
    .await;
}

#[tokio::test]
async fn bytes_that_are_not_text_are_rejected_where_text_is_required() {
    let line = |target: &[u8]| [b"GET /things/", target, b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"].concat();
    let header =
        |value: &[u8]| [b"GET /things HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ", value, b"\r\n\r\n"].concat();
    try_all(vec![
        ("bad UTF-8 in the path", line(b"\xff"), 400),
        ("half a character in the path", line(b"caf\xc3"), 400),
        ("UTF-8 in the path", line("café".as_bytes()), 400),
        ("escaped bad UTF-8 in the path", line(b"%ff"), 200),
        ("NUL in the path", line(b"a\0b"), 400),
        ("escaped NUL in the path", line(b"%00"), 400),
        ("DEL in the path", line(b"a\x7fb"), 400),
        ("bad UTF-8 in the query", line(b"?a=\xff"), 400),
        ("NUL in a header", header(b"a\0b"), 400),
        ("a carriage return in a header", header(b"a\rb"), 400),
        ("bad UTF-8 in a header", header(b"\xff\xc3"), 200),
        ("NUL in a header's name", get("X\0: 1\r\n"), 400),
        ("UTF-8 in a header's name", get("caf\u{e9}: 1\r\n"), 400),
        ("a header without a name", get(": 1\r\n"), 400),
        ("a header without a colon", get("X\r\n"), 400),
        ("bad UTF-8 in a body", post("Content-Length: 2\r\n", b"\xff\xfe"), 200),
        ("NUL in a body", post("Content-Length: 2\r\n", b"\0\0"), 200),
        ("bad UTF-8 in the method", b"G\xff /things HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 400),
        ("nothing but bad bytes", vec![0xff; 5000], 400),
        ("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), 400),
    ])
    .await;
}
