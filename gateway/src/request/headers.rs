//! Which headers are forwarded, dropped, or set by the gateway.

use std::net::IpAddr;

use chassis::authority::Authority;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const PASS: HeaderName = HeaderName::from_static(identity::INTERNAL_TOKEN_HEADER);
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What the gateway states about a request to the service.
#[derive(Debug)]
pub struct RequestOrigin {
    /// The verified address of the client.
    pub client: IpAddr,
    /// Whether the client uses HTTPS.
    pub https: bool,
    /// The validated host of the request.
    pub host: Option<Authority>,
    /// The trace that begins here.
    pub traceparent: HeaderValue,
    /// The internal token of the caller, if authentication is enabled. It replaces `Authorization`.
    pub pass: Option<HeaderValue>,
}

/// Rejects ambiguous framing of the body.
///
/// hyper checks lengths, and `chassis::authority` the host. What remains are transfer codings that the gateway does not
/// decode.
pub fn check(headers: &HeaderMap) -> Result<(), &'static str> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err("the body has a transfer coding other than chunked"),
    }
}

/// Turns the headers of a client into those for its service.
///
/// Framing is dropped: the body is framed anew, so a wrong length cannot reach the service. `Host` is set with the
/// replica.
pub fn to_service(headers: &mut HeaderMap, origin: RequestOrigin) {
    drop_all(headers, |name| is_of_one_hop(name) || is_framing(name) || is_claim(name));
    headers.remove(header::HOST);
    join_cookies(headers);
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(if origin.https { "https" } else { "http" }));
    headers.insert(TRACEPARENT, origin.traceparent);
    if let Some(pass) = origin.pass {
        headers.remove(header::AUTHORIZATION);
        headers.insert(PASS, pass);
    }
    // Letters, digits and a few marks: always a valid header value.
    if let Some(Ok(host)) = origin.host.map(|host| HeaderValue::try_from(host.to_string())) {
        headers.insert(FORWARDED_HOST, host);
    }
    if let Ok(client) = HeaderValue::try_from(origin.client.to_string()) {
        headers.insert(FORWARDED_FOR, client);
    }
}

/// HTTP/2 may split a cookie; HTTP/1.1 needs one header (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let pieces: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if pieces.len() > 1
        && let Ok(whole) = HeaderValue::from_bytes(&pieces.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, whole);
    }
}

/// Turns the headers of a service's response into those for the client.
///
/// `Content-Length` is kept: the response to HEAD has one and no body.
pub fn to_client(headers: &mut HeaderMap) {
    drop_all(headers, is_of_one_hop);
}

/// Sets security headers, unless the service has set them.
///
/// Over HTTPS this includes HSTS for a year (RFC 6797).
pub fn add_security_headers(headers: &mut HeaderMap, https: bool) {
    const DEFAULTS: [(HeaderName, &str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Responses are personal: no cache may store them.
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in DEFAULTS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if https {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(HeaderValue::from_static("max-age=31536000"));
    }
}

/// Removes the headers that match `unwanted`, and those that `Connection` names (RFC 9110, section 7.6.1).
fn drop_all(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let mut dropped: Vec<HeaderName> = headers.keys().filter(|name| unwanted(name)).cloned().collect();
    if dropped.contains(&header::CONNECTION) {
        // Split as bytes: a name that is not text must not hide the others.
        let lines = headers.get_all(header::CONNECTION).iter();
        let names = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        dropped.extend(names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok()));
    }
    for name in dropped {
        headers.remove(name);
    }
}

/// Hop-by-hop headers. `Expect` is one of them: the gateway answers it.
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

/// Headers by which a client could impersonate another one, or join a foreign trace.
fn is_claim(name: &HeaderName) -> bool {
    const CLAIMS: [&str; 6] =
        [identity::INTERNAL_TOKEN_HEADER, "x-real-ip", "traceparent", "tracestate", "baggage", "proxy"];
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
        let origin = RequestOrigin {
            client: [192, 0, 2, 7].into(),
            https: false,
            host: Authority::parse("shop.example").ok(),
            traceparent: HeaderValue::from_static("00-own"),
            pass: None,
        };
        to_service(&mut headers, origin);
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
    fn a_name_that_is_not_text_does_not_hide_the_others() {
        let mut sent = headers(&[("x-secret", "1")]);
        sent.insert("connection", HeaderValue::from_bytes(b"caf\xe9, x-secret").unwrap());
        to_client(&mut sent);
        assert!(sent.is_empty(), "{sent:?}");
    }

    #[test]
    fn a_request_has_no_coding_but_chunked() {
        let check = |lines: &[_]| check(&headers(lines)).is_ok();
        assert!(check(&[]) && check(&[("transfer-encoding", "Chunked")]));
        for coding in ["gzip", "gzip, chunked", "chunked, chunked", "identity", ""] {
            assert!(!check(&[("host", "a"), ("transfer-encoding", coding)]), "{coding}");
        }
        assert!(!check(&[("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")]));
    }

    #[test]
    fn a_client_cannot_have_the_gateways_own_headers_dropped() {
        let sent = sent_on(&[("connection", "x-forwarded-for, traceparent, host")]);
        assert_eq!(sent["x-forwarded-for"], "192.0.2.7");
        assert_eq!(sent["traceparent"], "00-own");
    }

    #[test]
    fn security_headers_are_set_unless_the_service_sets_them() {
        let mut answer = headers(&[("cache-control", "max-age=60")]);
        add_security_headers(&mut answer, true);
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
    fn a_response_keeps_its_length_and_loses_hop_by_hop_headers() {
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
