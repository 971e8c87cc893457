//! Which headers pass, which are dropped, and which the gateway sets itself.

use std::net::IpAddr;

use http::Version;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::Authority;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const PASS: HeaderName = HeaderName::from_static(identity::PASS_HEADER);
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What the gateway itself tells the service about a request.
#[derive(Debug)]
pub struct Facts {
    /// The address of the client, as far as it is known for certain.
    pub client: IpAddr,
    /// Whether the client asks by HTTPS.
    pub https: bool,
    /// The host that the client asked for.
    pub host: Option<HeaderValue>,
    /// The trace that begins here.
    pub traceparent: HeaderValue,
    /// Who asks, if that is known. Then what the client said of itself is not for the service.
    pub pass: Option<HeaderValue>,
}

/// Says why a request with these headers could be read in more than one way, or nothing if it can not.
///
/// hyper has seen to the lengths. It leaves to us whom a request is for, and codings of a body that nobody here undoes.
pub fn check(headers: &HeaderMap, version: Version) -> Result<(), &'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        // HTTP/2 says it in the request's own line (:authority), which the library has looked at.
        (None, _) if version == Version::HTTP_11 => return Err("there is no Host"),
        (Some(_), Some(_)) => return Err("there is more than one Host"),
        (Some(host), None) if !is_host(host) => return Err("the Host is no host"),
        _ => {}
    }
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err("the body has a transfer coding other than chunked"),
    }
}

fn is_host(host: &HeaderValue) -> bool {
    let Ok(authority) = Authority::try_from(host.as_bytes()) else { return false };
    let (name, whole) = (authority.host(), authority.as_str());
    !name.is_empty() && !whole.contains('@') && (name == whole || authority.port_u16().is_some())
}

/// Turns the headers a client sent into those its service gets.
///
/// Framing is dropped too: the body is framed anew, so a length that lies cannot get past the gateway.
///
/// `Host` is left to whoever chooses the replica.
pub fn to_service(headers: &mut HeaderMap, facts: Facts) {
    drop_all(headers, |name| is_of_one_hop(name) || is_framing(name) || is_claim(name));
    headers.remove(header::HOST);
    join_cookies(headers);
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(if facts.https { "https" } else { "http" }));
    headers.insert(TRACEPARENT, facts.traceparent);
    if let Some(pass) = facts.pass {
        headers.remove(header::AUTHORIZATION);
        headers.insert(PASS, pass);
    }
    if let Some(host) = facts.host {
        headers.insert(FORWARDED_HOST, host);
    }
    if let Ok(client) = HeaderValue::try_from(facts.client.to_string()) {
        headers.insert(FORWARDED_FOR, client);
    }
}

/// HTTP/2 may send a cookie in pieces, which are one header for HTTP/1.1 (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let pieces: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if pieces.len() > 1
        && let Ok(whole) = HeaderValue::from_bytes(&pieces.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, whole);
    }
}

/// Turns the headers a service answered with into those the client gets.
///
/// `Content-Length` stays: the answer to HEAD has one and no body.
pub fn to_client(headers: &mut HeaderMap) {
    drop_all(headers, is_of_one_hop);
}

/// What tells browsers to make nothing else of an answer than it is. What a service says itself stays.
///
/// Over HTTPS a browser is told never to come without it again, for a year (RFC 6797).
pub fn protect(headers: &mut HeaderMap, https: bool) {
    const SAID: [(HeaderName, &str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Answers are about somebody: no cache between here and there may keep them.
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in SAID {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if https {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(HeaderValue::from_static("max-age=31536000"));
    }
}

/// Removes the headers that `unwanted` says, and those that `Connection` names (RFC 9110, section 7.6.1).
fn drop_all(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let mut doomed: Vec<HeaderName> = headers.keys().filter(|name| unwanted(name)).cloned().collect();
    if doomed.contains(&header::CONNECTION) {
        // By bytes: one name that is no text must not save those beside it.
        let lines = headers.get_all(header::CONNECTION).iter();
        let names = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        doomed.extend(names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok()));
    }
    for name in doomed {
        headers.remove(name);
    }
}

/// Headers that are about one connection. `Expect` is among them: whoever reads the body answers it.
fn is_of_one_hop(name: &HeaderName) -> bool {
    const OTHERS: [&str; 2] = ["keep-alive", "proxy-connection"];
    matches!(
        *name,
        header::CONNECTION
            | header::EXPECT
            | header::PROXY_AUTHENTICATE
            | header::PROXY_AUTHORIZATION
            | header::TE
            | header::TRAILER
            | header::TRANSFER_ENCODING
            | header::UPGRADE
    ) || OTHERS.contains(&name.as_str())
}

fn is_framing(name: &HeaderName) -> bool {
    *name == header::CONTENT_LENGTH
}

/// Headers by which a client could claim to be someone else, or to belong to a trace that is not its own.
fn is_claim(name: &HeaderName) -> bool {
    const CLAIMS: [&str; 6] = [identity::PASS_HEADER, "x-real-ip", "traceparent", "tracestate", "baggage", "proxy"];
    *name == header::FORWARDED || name.as_str().starts_with("x-forwarded-") || CLAIMS.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    fn sent_on(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = headers(lines);
        let facts = Facts {
            client: [192, 0, 2, 7].into(),
            https: false,
            host: Some(HeaderValue::from_static("shop.example")),
            traceparent: HeaderValue::from_static("00-own"),
            pass: None,
        };
        to_service(&mut headers, facts);
        headers
    }

    #[test]
    fn what_a_client_claims_is_replaced_by_what_the_gateway_knows() {
        let sent = sent_on(&[
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-for", "10.0.0.2"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-prefix", "/admin"),
            ("forwarded", "for=10.0.0.1"),
            ("x-real-ip", "10.0.0.1"),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ("tracestate", "a=b"),
            ("baggage", "user=root"),
            ("host", "shop.example"),
        ]);
        let expected = headers(&[
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-host", "shop.example"),
            ("x-forwarded-proto", "http"),
            ("traceparent", "00-own"),
        ]);
        assert_eq!(sent, expected);
    }

    #[test]
    fn headers_of_one_connection_and_those_it_names_are_dropped() {
        let sent = sent_on(&[
            ("connection", "keep-alive, X-Secret"),
            ("connection", "x-other,not a name"),
            ("x-secret", "1"),
            ("x-other", "2"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("upgrade", "websocket"),
            ("expect", "100-continue"),
            ("accept", "application/json"),
            ("idempotency-key", "k"),
        ]);
        assert_eq!(sent.len(), 6, "{sent:?}");
        assert_eq!(sent["accept"], "application/json");
        assert_eq!(sent["idempotency-key"], "k");
    }

    #[test]
    fn a_name_that_is_no_text_saves_none_of_those_beside_it() {
        let mut sent = headers(&[("x-secret", "1")]);
        sent.insert("connection", HeaderValue::from_bytes(b"caf\xe9, x-secret").unwrap());
        to_client(&mut sent);
        assert!(sent.is_empty(), "{sent:?}");
    }

    #[test]
    fn a_request_has_one_host_and_no_coding_but_chunked() {
        let check = |lines: &[_]| check(&headers(lines), Version::HTTP_11).is_ok();
        for host in ["shop.example", "shop.example:8088", "[::1]:8088"] {
            assert!(check(&[("host", host), ("transfer-encoding", "Chunked")]), "{host}");
        }
        for host in ["", "a/b", "a b", "me@a", "a, b", "a:b"] {
            assert!(!check(&[("host", host)]), "{host}");
        }
        assert!(!check(&[]) && !check(&[("host", "a"), ("host", "a")]));
        for coding in ["gzip", "gzip, chunked", "chunked, chunked", "identity", ""] {
            assert!(!check(&[("host", "a"), ("transfer-encoding", coding)]), "{coding}");
        }
        assert!(!check(&[("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")]));
        assert!(super::check(&HeaderMap::new(), Version::HTTP_10).is_ok());
    }

    #[test]
    fn a_client_cannot_have_the_gateways_own_headers_dropped() {
        let sent = sent_on(&[("connection", "x-forwarded-for, traceparent, host")]);
        assert_eq!(sent["x-forwarded-for"], "192.0.2.7");
        assert_eq!(sent["traceparent"], "00-own");
    }

    #[test]
    fn an_answer_is_protected_unless_its_service_says_how() {
        let mut answer = headers(&[("cache-control", "max-age=60")]);
        protect(&mut answer, true);
        assert_eq!(answer["strict-transport-security"], "max-age=31536000");
        assert_eq!(answer["cache-control"], "max-age=60");
        assert_eq!(answer["x-content-type-options"], "nosniff");
        assert_eq!(answer["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(answer["referrer-policy"], "no-referrer");
    }

    #[test]
    fn a_cookie_in_pieces_is_put_together() {
        assert_eq!(sent_on(&[("cookie", "a=1"), ("cookie", "b=2")])["cookie"], "a=1; b=2");
    }

    #[test]
    fn an_answer_keeps_its_length_and_loses_its_connection_headers() {
        let mut answer = headers(&[
            ("content-length", "12"),
            ("location", "/things/5"),
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
        ]);
        to_client(&mut answer);
        assert_eq!(answer, headers(&[("content-length", "12"), ("location", "/things/5")]));
    }
}
