//! Hostile requests: the kept inputs, each in the place in a request where its reader finds it.

use std::collections::BTreeSet;

use crate::corpus::kept;
use crate::document::Operation;
use crate::form::{Message, first_line};

/// An id that no item has.
const NO_ITEM: &str = "9007199254740991";

/// A request as the bytes that a client sends.
pub(crate) struct HostileRequest {
    /// The operation and the file of the input, for messages.
    pub name: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The documented statuses of the operation. A status of 4xx is a rejection by the gateway, and allowed for any request.
    pub statuses: BTreeSet<u16>,
}

impl Operation {
    /// The hostile requests for this operation: bodies, ids, pages, positions in a stream.
    pub(crate) fn hostile_requests(&self) -> Vec<HostileRequest> {
        let path = self.path.replace("{id}", NO_ITEM);
        let mut requests = Vec::new();
        if self.has_body {
            requests.extend(self.each("request_bodies", |input| {
                let (content_type, body) = first_line(input);
                let length = body.len().to_string();
                let lines: [(&[u8], &[u8]); 2] =
                    [(b"Content-Type", content_type), (b"Content-Length", length.as_bytes())];
                [head(&self.method, path.as_bytes(), &lines).as_slice(), body].concat()
            }));
        }
        if self.path.contains("{id}") {
            requests.extend(self.each("ids", |input| {
                let (before, after) = self.path.split_once("{id}").unwrap_or_default();
                head(&self.method, &[before.as_bytes(), input, after.as_bytes()].concat(), &[])
            }));
        }
        if self.is_list() {
            let target = |input: &[u8]| [path.as_bytes(), b"?", input].concat();
            requests.extend(self.each("cursors", |input| head(&self.method, &target(input), &[])));
        }
        if self.is_stream() {
            requests.extend(
                self.each("last_event_ids", |input| head(&self.method, path.as_bytes(), &[(b"Last-Event-ID", input)])),
            );
        }
        requests
    }

    /// The hostile requests that concern no operation: paths, authorities, headers. The headers are those of a request for this
    /// operation.
    pub(crate) fn hostile_heads(&self) -> Vec<HostileRequest> {
        let path = self.path.as_bytes();
        let mut requests = self.each("request_paths", |input| head("GET", input, &[]));
        requests.extend(self.each("authorities", |input| {
            let (target, lines) = first_line(input);
            let lines = header_lines(&Message::read(lines).headers);
            [b"GET ".as_slice(), target, b" HTTP/1.1\r\n", &lines, b"\r\n"].concat()
        }));
        requests
            .extend(self.each("forwarded_headers", |input| head(&self.method, path, &Message::read(input).headers)));
        requests.extend(self.each("origins", |input| head(&self.method, path, &[(b"Origin", first_line(input).1)])));
        requests.extend(self.each("traceparents", |input| head(&self.method, path, &[(b"traceparent", input)])));
        requests
    }

    /// The plain request for this operation.
    pub(crate) fn plain_request(&self) -> HostileRequest {
        let bytes = head(&self.method, self.path.as_bytes(), &[]);
        HostileRequest { name: format!("{} {}", self.method, self.path), bytes, statuses: BTreeSet::from([200]) }
    }

    fn each(&self, reader: &str, request: impl Fn(&[u8]) -> Vec<u8>) -> Vec<HostileRequest> {
        let requests = kept(reader).into_iter().map(|(file, input)| HostileRequest {
            name: format!("{} {} with {}", self.method, self.path, file.display()),
            bytes: request(&input),
            statuses: self.statuses.clone(),
        });
        requests.collect()
    }
}

/// A request line, the header `Host`, these headers, and the empty line.
fn head(method: &str, target: &[u8], headers: &[(&[u8], &[u8])]) -> Vec<u8> {
    let host = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    [method.as_bytes(), b" ", target, host, &header_lines(headers), b"\r\n"].concat()
}

fn header_lines(headers: &[(&[u8], &[u8])]) -> Vec<u8> {
    headers.iter().flat_map(|(name, value)| [*name, b": ", *value, b"\r\n"].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kept_input_becomes_a_request_in_the_place_where_its_reader_finds_it() {
        let operation = Operation {
            method: "PATCH".to_owned(),
            path: "/lifts/{id}".to_owned(),
            statuses: BTreeSet::from([200]),
            has_body: true,
            parameters: BTreeSet::new(),
        };
        let requests = operation.hostile_requests();
        assert_eq!(requests.len(), kept("request_bodies").len() + kept("ids").len());
        let with = |file: &str| {
            let request = requests.iter().find(|request| request.name.ends_with(file)).unwrap();
            String::from_utf8_lossy(&request.bytes).into_owned()
        };
        let expected = "PATCH /lifts/9007199254740991 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                        Content-Type: application/json\r\nContent-Length: 3\r\n\r\n[1]";
        assert_eq!(with("request_bodies/array"), expected);
        assert!(with("ids/bad-escape").starts_with("PATCH /lifts/%zz HTTP/1.1\r\n"));
    }
}
