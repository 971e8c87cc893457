//! A client of a gateway that sends any bytes.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::document::Operation;
use crate::requests::HostileRequest;

/// The time limit of a response, longer than any limit of the gateway.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// The maximum length of the head of a response.
const MAX_HEAD: usize = 64 * 1024;

/// The head of a response.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    content_type: Option<String>,
}

/// Sends the kept inputs as requests to the gateway of a fleet at this URL, for each operation of its `OpenAPI` document.
/// After the requests of an operation, a plain one must succeed. Returns the number of hostile requests.
///
/// # Errors
///
/// If the document has no list; and all violations: a response of 5xx, an undocumented success, a rejection that is not a
/// problem document, no response within the time limit. A connection that is closed without a response is a rejection.
pub async fn send_hostile_requests(gateway: &str, document: &str) -> Result<usize> {
    let addresses = gateway.parse::<Url>()?.socket_addrs(|| None)?;
    let gateway = *addresses.first().context("the gateway has no address")?;
    let operations = Operation::all(&serde_json::from_str::<Value>(document)?);
    let list = operations.iter().find(|operation| operation.is_list()).context("the document has no list")?;
    let (mut sent, mut violations) = (0, Vec::new());
    for requests in operations.iter().map(Operation::hostile_requests).chain([list.hostile_heads()]) {
        sent += requests.len();
        for request in requests {
            violations.extend(violation(gateway, &request).await);
        }
        let plain = list.plain_request();
        let status = head_of_response(gateway, &plain.bytes).await?.map(|head| head.status);
        ensure!(status == Some(200), "{} is answered {status:?} after hostile requests", plain.name);
    }
    ensure!(violations.is_empty(), "{} of {sent} requests:\n{}", violations.len(), violations.join("\n"));
    Ok(sent)
}

async fn violation(gateway: SocketAddr, request: &HostileRequest) -> Option<String> {
    let violation = match head_of_response(gateway, &request.bytes).await {
        Ok(None) => return None,
        Ok(Some(head)) => violated_by(&head, request)?,
        Err(error) => format!("{error:#}"),
    };
    Some(format!("{}: {violation}", request.name))
}

fn violated_by(Head { status, content_type }: &Head, request: &HostileRequest) -> Option<String> {
    match (status, content_type.as_deref()) {
        // Without a body, the head could not be parsed.
        (400..=499, None | Some("application/problem+json")) => None,
        (400..=499, Some(other)) => Some(format!("{status} with {other}, not a problem document")),
        (200..=399, _) if request.statuses.contains(status) => None,
        _ => Some(format!("{status}, but documented are {:?}", request.statuses)),
    }
}

/// `None`: the connection was closed without a response.
async fn head_of_response(gateway: SocketAddr, request: &[u8]) -> Result<Option<Head>> {
    let mut connection = TcpStream::connect(gateway).await?;
    // The gateway may reject and close before the request is sent completely.
    let _ = connection.write_all(request).await;
    let mut received = Vec::new();
    let read = async {
        while Head::of_final_response(&received).is_none() && received.len() < MAX_HEAD {
            if !matches!(connection.read_buf(&mut received).await, Ok(1..)) {
                break;
            }
        }
    };
    timeout(RESPONSE_TIMEOUT, read).await.context("no response in time")?;
    let head = Head::of_final_response(&received);
    ensure!(head.is_some() || received.is_empty(), "not a response: {:?}", String::from_utf8_lossy(&received));
    Ok(head)
}

impl Head {
    /// The first complete head that is not of an interim response such as `100 Continue`.
    fn of_final_response(received: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(received);
        let heads = text.split_inclusive("\r\n\r\n").filter_map(|head| head.strip_suffix("\r\n\r\n"));
        heads.map(Self::parse).find(|head| head.as_ref().is_none_or(|head| head.status >= 200))?
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let mut headers = lines.filter_map(|line| line.split_once(": "));
        let content_type = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        Some(Self { status, content_type: content_type.map(|(_, value)| value.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    /// A gateway that answers every request in the same way, except plain ones.
    async fn gateway(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 256 * 1024];
                let length = connection.read(&mut request).await.unwrap();
                let plain = b"GET /lifts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
                let answer = if request[..length] == *plain { "HTTP/1.1 200 OK\r\n\r\n" } else { answer };
                let _ = connection.write_all(answer.as_bytes()).await;
            }
        });
        address
    }

    async fn outcome(answer: &'static str) -> Result<usize> {
        let list = json!({ "parameters": [{ "name": "cursor" }], "responses": { "200": {} } });
        let document = json!({ "paths": { "/lifts": { "get": list } } });
        send_hostile_requests(&format!("http://{}", gateway(answer).await), &document.to_string()).await
    }

    #[tokio::test]
    async fn rejections_documented_responses_and_closed_connections_are_no_violations() {
        let rejected = "HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\n\r\n";
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 408 Request Timeout\r\n\r\n";
        for answer in [rejected, "HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", interim, ""] {
            assert!(outcome(answer).await.unwrap() > 100, "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_failure_an_undocumented_success_and_another_form_of_rejection_are_violations() {
        for (answer, expected) in [
            ("HTTP/1.1 500 Internal Server Error\r\n\r\n", ": 500, but documented are {200}"),
            ("HTTP/1.1 201 Created\r\n\r\n", ": 201, but documented are {200}"),
            ("HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\n\r\n", "404 with text/html, not a problem document"),
            ("nonsense", "not a response: \"nonsense\""),
        ] {
            let error = outcome(answer).await.unwrap_err().to_string();
            assert!(error.contains("GET /lifts with ") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_documented_failure_is_a_violation_too() {
        let statuses = BTreeSet::from([200, 503]);
        let request = HostileRequest { name: String::new(), bytes: Vec::new(), statuses };
        assert!(violated_by(&Head { status: 503, content_type: None }, &request).is_some());
    }
}
