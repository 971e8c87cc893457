//! Parsers of the gateway: its routes file, and the path, the headers and the origin of a request.

use std::collections::BTreeSet;
use std::time::Duration;

use chassis::authority::{Authority, AuthorityError, HostName};
use gateway::config::{Config, Limits};
use gateway::cors::Origin;
use gateway::headers::{RequestOrigin, to_client, to_service};
use gateway::path;
use gateway::routes::Pattern;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use percent_encoding::percent_decode_str;
use tokio::time::Instant;
use url::{Host, Url};

use crate::form::{Message, first_line};
use crate::request::host;

/// Hop-by-hop headers, by RFC 9110 (section 7.6.1) and by convention.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that the gateway itself sets for a service, with their values here.
const OWN: [(&str, &str); 5] = [
    ("x-flotilla-pass", "signed"),
    ("x-forwarded-for", "192.0.2.7"),
    ("x-forwarded-host", "shop.example"),
    ("x-forwarded-proto", "http"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
];

/// The routes file: an accepted one can be used, has one upstream per path, and no route to a path of the gateway itself.
pub fn routes_files(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(config) = Config::parse(text, |_| None) else { return };
    for (index, route) in config.routes.iter().enumerate() {
        assert!(route.upstream < config.upstreams.len());
        assert!(!route.methods.is_empty() && !route.methods.contains(&Method::OPTIONS));
        assert!(!["/healthz", "/livez", "/readyz", "/metrics"].iter().any(|own| route.path.covers(own)));
        assert!(!config.routes[..index].iter().any(|other| other.path == route.path), "{}", route.path);
    }
    let spans = config.routes.iter().map(|route| route.timeout).chain(spans(&config.limits));
    for span in spans.chain(config.cors.iter().map(|cors| cors.max_age)) {
        assert!(span > Duration::ZERO && Instant::now().checked_add(span).is_some(), "{span:?}");
    }
    let again = Config::parse(&format!("{text}\n"), |_| None).unwrap();
    assert_eq!(format!("{again:?}"), format!("{config:?}"));
    drop(gateway::reload::CurrentEdge::new(config, None, &host()));
}

fn spans(limits: &Limits) -> [Duration; 7] {
    let Limits { timeout, body_idle_timeout, stream_idle, retry_after, connect_timeout, pool_idle_timeout, .. } =
        *limits;
    [
        timeout,
        body_idle_timeout,
        stream_idle,
        retry_after,
        connect_timeout,
        pool_idle_timeout,
        limits.base_ejection_time,
    ]
}

/// The path of a request: every parser reads an accepted path in the same way.
pub fn request_paths(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(pattern) = Pattern::parse(text) {
        assert!(pattern.to_string() == text && pattern.covers(text), "{text}");
    }
    // Hyper rejects all other texts before this check.
    let as_path = text.parse::<PathAndQuery>().ok().filter(|parsed| parsed.path() == text);
    if as_path.is_none() || path::check(text).is_err() {
        return;
    }
    let decode = |path: &str| percent_decode_str(path).collect::<Vec<u8>>();
    let decoded = decode(text);
    // A parser that normalises paths (WHATWG URL) leaves it unchanged.
    let normalised = Url::parse(&format!("http://shop.example{text}")).unwrap();
    assert_eq!(decode(normalised.path()), decoded, "{text} becomes {}", normalised.path());
    let segments: Vec<&[u8]> = decoded.split(|byte| *byte == b'/').collect();
    assert_eq!(segments.len(), text.split('/').count(), "{text}: an escaped slash");
    assert!(!segments.contains(&b".".as_slice()) && !segments.contains(&b"..".as_slice()), "{text}");
    assert!(!decoded.iter().any(u8::is_ascii_control), "{text}");
}

/// The headers of a request and of a response: the forbidden ones are removed, and all others pass unchanged.
pub fn forwarded_headers(bytes: &[u8]) {
    let given = header_map(bytes);
    let named = named_by_connection(&given);
    let own = |name: &str| OWN.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);

    let mut sent = given.clone();
    let value = |name: &str| HeaderValue::from_static(own(name).unwrap_or_default());
    let origin = RequestOrigin {
        client: [192, 0, 2, 7].into(),
        https: false,
        host: Authority::parse(own("x-forwarded-host").unwrap_or_default()).ok(),
        traceparent: value("traceparent"),
        pass: Some(value("x-flotilla-pass")),
    };
    to_service(&mut sent, origin);
    for (name, value) in OWN {
        assert_eq!(values(&sent, name), [value.as_bytes()], "{name}");
    }
    let is_claim = |name: &str| {
        name.starts_with("x-forwarded-")
            || ["forwarded", "x-real-ip", "traceparent", "tracestate", "baggage", "proxy"].contains(&name)
    };
    // The gateway replaces the bearer token by its internal token.
    let dropped = ["content-length", "expect", "host", "authorization"];
    let kept = |name: &str| !is_claim(name) && !dropped.contains(&name);
    let mut given = given;
    let whole = values(&given, "cookie").join(&b"; "[..]);
    if let (true, Ok(whole)) = (given.contains_key("cookie"), HeaderValue::from_bytes(&whole)) {
        given.insert("cookie", whole);
    }
    assert_passed(&given, &sent, &|name| own(name).is_some(), &|name| kept(name) && !named.contains(name));

    let mut response = given.clone();
    to_client(&mut response);
    assert_passed(&given, &response, &|_| false, &|name| name != "expect" && !named.contains(name));
}

/// Of the `given` headers, `sent` has those that may pass and are not hop-by-hop; of others only the `added` ones.
fn assert_passed(given: &HeaderMap, sent: &HeaderMap, added: &dyn Fn(&str) -> bool, may_pass: &dyn Fn(&str) -> bool) {
    for name in given.keys().map(HeaderName::as_str).filter(|name| !added(name)) {
        let passes = may_pass(name) && !HOP_BY_HOP.contains(&name);
        let expected = if passes { values(given, name) } else { Vec::new() };
        assert_eq!(values(sent, name), expected, "{name}");
    }
    assert!(sent.keys().all(|name| given.contains_key(name) || added(name.as_str())));
}

fn header_map(bytes: &[u8]) -> HeaderMap {
    let lines = Message::read(bytes).headers;
    let line = |(name, value)| Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?));
    lines.into_iter().filter_map(line).collect()
}

fn named_by_connection(headers: &HeaderMap) -> BTreeSet<String> {
    let lines = values(headers, "connection").join(&b',');
    let names = lines.split(|byte| *byte == b',').map(|name| name.trim_ascii().to_ascii_lowercase());
    names.filter_map(|name| String::from_utf8(name).ok()).collect()
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
}

/// The authority of a request: the target in the first line, `Host` headers in the others. In every version of HTTP, an accepted
/// authority has one form, names no user, and is the same to other parsers (WHATWG URL).
pub fn authorities(bytes: &[u8]) {
    let (target, lines) = first_line(bytes);
    let headers = header_map(lines);
    let Ok(target) = Uri::try_from(target) else { return };
    let read = |version: Version, target: &Uri, headers: &HeaderMap| {
        let mut request = Request::new(());
        *request.version_mut() = version;
        target.clone_into(request.uri_mut());
        headers.clone_into(request.headers_mut());
        Authority::of(&request)
    };
    for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
        let Ok(authority) = read(version, &target, &headers) else { continue };
        let Some(authority) = authority else {
            assert!(version == Version::HTTP_10 && !headers.contains_key("host"), "{version:?} without a host");
            continue;
        };
        assert!(headers.get_all("host").iter().count() <= 1, "{authority}");
        assert_plain(&authority);
        if let Some(named) = target.authority() {
            assert_eq!(Authority::parse(named.as_str()), Ok(authority.clone()), "the target takes precedence");
        }
        // With the same authority in another `Host` it is the same, or there are several.
        let mut twice = headers.clone();
        twice.append("host", HeaderValue::from_str(&authority.to_string()).unwrap());
        match read(Version::HTTP_2, &target, &twice) {
            Ok(again) => assert_eq!(again, Some(authority)),
            Err(error) => assert_eq!(error, AuthorityError::Several, "{authority}"),
        }
    }
}

fn assert_plain(authority: &Authority) {
    let shown = authority.to_string();
    assert_eq!(Authority::parse(&shown).as_ref(), Ok(authority));
    assert!(shown.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte)), "{shown}");
    match Url::parse(&format!("http://{shown}/")) {
        Ok(url) => {
            assert!(url.username().is_empty() && url.password().is_none() && url.path() == "/", "{shown}");
            let host = url.host().map(|host| match host {
                Host::Ipv4(address) => HostName::V4(address),
                Host::Ipv6(address) => HostName::V6(address),
                Host::Domain(name) => HostName::Name(name.to_owned()),
            });
            assert_eq!(host.as_ref(), Some(authority.host()));
        }
        // Punycode has further rules.
        Err(error) => {
            let name = matches!(authority.host(), HostName::Name(name) if name.contains("xn--"));
            assert!(name, "{shown}: {error}");
        }
    }
}

/// An origin of the routes file in the first line, and the origin of a request: only equal ones are covered, or any port.
pub fn origins(bytes: &[u8]) {
    let (own, origin) = first_line(bytes);
    let (Ok(own), Ok(origin)) = (str::from_utf8(own), HeaderValue::from_bytes(origin)) else { return };
    let Ok(covering) = own.parse::<Origin>() else { return };
    let plain = own.strip_suffix(":*").unwrap_or(own);
    assert!(covering.covers(&HeaderValue::from_str(plain).unwrap()), "{own} does not cover itself");
    if covering.covers(&origin) {
        let text = origin.to_str().unwrap();
        let port = text.strip_prefix(plain).unwrap();
        let any = own != plain && port.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
        assert!(port.is_empty() || any, "{own} covers {text}");
    }
}
