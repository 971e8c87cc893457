//! Rejects cross-origin requests of web pages.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::Method;
use hyper::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, ORIGIN};

use crate::http::allowed_hosts::Destination;
use crate::http::authority::Authority;
use crate::http::media_types::{GRPC, JSON};
use crate::http::problem::Problem;
use crate::process::health::Health;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// The content types that need no CORS preflight (Fetch standard, CORS-safelisted).
const SAFELISTED: [&str; 3] = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

/// Whether the method is safe (RFC 9110, section 9.2.1).
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Whether a cross-origin request of this unsafe method needs a CORS preflight: always for DELETE, which may have no body.
/// Another one needs it if its content type is none that a form can send; without a content type it needs none.
pub fn needs_preflight(method: &Method, headers: &HeaderMap) -> bool {
    if *method == Method::DELETE {
        return true;
    }
    let mut all = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return false };
    let Ok(text) = only.to_str() else { return false };
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let token = |text: &str| !text.is_empty() && text.bytes().all(is_token_byte);
    essence.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
        && !SAFELISTED.contains(&essence.as_str())
}

/// RFC 9110, section 5.6.2.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Whether the browser marks the request as cross-origin: by `Sec-Fetch-Site`, else by an `Origin` other than
/// `authority`. Clients other than browsers send neither.
pub fn is_cross_origin(headers: &HeaderMap, authority: Option<&Authority>) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let own = |origin: &str| authority.is_some_and(|authority| authority.is_of_origin(origin));
    headers.get(ORIGIN).is_some_and(|origin| !origin.to_str().is_ok_and(own))
}

/// 415, with the content type that is expected.
pub(crate) fn wrong_content_type(headers: &HeaderMap, wanted: &'static str) -> Problem {
    let given = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    Problem::unsupported_media_type(given.as_deref().unwrap_or("missing"), wanted)
}

/// 403: an unsafe cross-origin request.
pub(crate) fn cross_origin_problem() -> Problem {
    Problem::forbidden("cross-origin requests are not allowed")
}

/// Rejects unsafe requests that a page of another origin could have sent, and content codings.
///
/// Requests with `X-Forwarded-Host` were checked by the gateway, against its own hosts and origins. A page cannot set
/// that header without a preflight.
pub(crate) async fn reject_cross_origin(State(health): State<Arc<Health>>, request: Request, next: Next) -> Response {
    if is_safe(request.method()) {
        return next.run(request).await;
    }
    let headers = request.headers();
    let authority = request.extensions().get::<Destination>().and_then(|addressed| addressed.authority.as_ref().ok());
    if !headers.contains_key(FORWARDED_HOST) && is_cross_origin(headers, authority.and_then(Option::as_ref)) {
        return cross_origin_problem().into_response();
    }
    if !needs_preflight(request.method(), headers) {
        let service = request.uri().path().split('/').nth(1).filter(|service| !service.is_empty());
        let wanted = if service.is_some_and(|service| health.has_service(service)) { GRPC } else { JSON };
        return wrong_content_type(headers, wanted).into_response();
    }
    if let Some(coding) = headers.get_all(CONTENT_ENCODING).iter().find(|coding| !is_identity(coding)) {
        return Problem::unsupported_coding(&String::from_utf8_lossy(coding.as_bytes())).into_response();
    }
    next.run(request).await
}

fn is_identity(coding: &HeaderValue) -> bool {
    coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")
}

/// Adds the accepted content type to a 415: in `Accept-Post` for POST, in `Accept-Patch` for PATCH (RFC 5789).
pub fn add_accept_header(method: &str, response: &mut Response) {
    let Some(accepted) = response.extensions().get::<Problem>().and_then(Problem::accepted) else { return };
    let name = match method {
        "POST" => ACCEPT_POST,
        "PATCH" => ACCEPT_PATCH,
        _ => ACCEPT,
    };
    response.headers_mut().insert(name, HeaderValue::from_static(accepted));
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

    #[test]
    fn a_content_type_that_a_form_can_send_needs_no_preflight() {
        let asks = |value| needs_preflight(&Method::PATCH, &headers(&[("content-type", value)]));
        for value in
            ["application/json", "Application/JSON; charset=utf-8", "application/grpc", "application/x-protobuf"]
        {
            assert!(asks(value), "{value}");
        }
        for value in [
            "text/plain",
            "Text/Plain;charset=UTF-8",
            " text/plain",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
            "",
            "json",
            "/json",
            "text/plain, application/json",
            "application/json, text/plain",
            "application /json",
        ] {
            assert!(!asks(value), "{value}");
        }
        assert!(!needs_preflight(&Method::POST, &HeaderMap::new()));
        assert!(needs_preflight(&Method::DELETE, &HeaderMap::new()), "pages cannot delete without a preflight");
        let twice = headers(&[("content-type", "application/json"), ("content-type", "application/json")]);
        assert!(!needs_preflight(&Method::POST, &twice));
    }

    #[test]
    fn a_request_is_cross_origin_if_the_browser_marks_it() {
        let own = Authority::parse("localhost:8088").ok();
        let foreign = |lines: &[_]| is_cross_origin(&headers(lines), own.as_ref());
        let (site, origin) = ("sec-fetch-site", "origin");
        for lines in [
            &[][..],
            &[(site, "same-origin")],
            &[(site, "none")],
            &[(origin, "http://localhost:8088")],
            &[(site, "same-origin"), (origin, "https://shop.example")],
        ] {
            assert!(!foreign(lines), "{lines:?}");
        }
        for lines in [
            &[(site, "cross-site")][..],
            &[(site, "same-site")],
            &[(site, "")],
            &[(origin, "null")],
            &[(origin, "http://localhost:3000")],
            &[(origin, "http://localhost")],
            &[(origin, "https://evil.example")],
            &[(site, "cross-site"), (origin, "http://localhost:8088")],
        ] {
            assert!(foreign(lines), "{lines:?}");
        }
        assert!(is_cross_origin(&headers(&[(origin, "http://a")]), None));
    }
}
