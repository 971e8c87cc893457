//! The `OpenAPI` document of the gateway, and Swagger UI to try it. The page loads nothing from other hosts.
//!
//! Both need no token: they describe requests and contain no data, and a browser that opens a page cannot send a token.
//! Requests from the page need one as all others do.

use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chassis::problem::Problem;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::request::headers;
use crate::routing::own_paths::{DOCUMENT, PAGE};

/// What the page may load: its own host only. The style sheet of Swagger UI contains its icons.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Whether a path belongs to the document or to the page.
pub fn covers(path: &str) -> bool {
    path == DOCUMENT || path.strip_prefix(PAGE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A validated document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documentation(Bytes);

impl Documentation {
    /// Reads the document from a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is no document of `OpenAPI` 3.
    pub fn read(file: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
        let document: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        match document["openapi"].as_str() {
            Some(version) if version.starts_with("3.") => Ok(Self(bytes.into())),
            _ => Err("it is no document of OpenAPI 3".to_owned()),
        }
    }

    /// The contents of the file.
    pub fn to_vec(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// The routes of the document and of the page.
    pub fn routes(self) -> Router {
        let document = move || std::future::ready(([(CONTENT_TYPE, "application/json")], self.0.clone()));
        Router::new()
            .route(DOCUMENT, get(document))
            .route(PAGE, get(page))
            .route("/docs/start.js", get(async || file("text/javascript", include_bytes!("../../page/start.js"))))
            .route(
                "/docs/swagger-ui.css",
                get(async || gzipped("text/css", include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz")))),
            )
            .route(
                "/docs/swagger-ui-bundle.js",
                get(async || {
                    gzipped("text/javascript", include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz")))
                }),
            )
            .fallback(async || Problem::not_found("this is no part of the page"))
            .method_not_allowed_fallback(async || Problem::method_not_allowed())
            .layer(from_fn(add_security_headers))
    }
}

async fn page() -> Response {
    let policy = [(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))];
    (policy, file("text/html", include_bytes!("../../page/index.html"))).into_response()
}

fn file(media_type: &'static str, content: &'static [u8]) -> Response {
    (content_type(media_type), content).into_response()
}

/// A file that is stored compressed: all browsers accept gzip. Its content changes with the version of the gateway.
fn gzipped(media_type: &'static str, content: &'static [u8]) -> Response {
    let more = [(CONTENT_ENCODING, "gzip"), (CACHE_CONTROL, "public, max-age=3600")];
    (content_type(media_type), more, content).into_response()
}

fn content_type(media_type: &str) -> [(HeaderName, String); 1] {
    [(CONTENT_TYPE, format!("{media_type}; charset=utf-8"))]
}

async fn add_security_headers(request: Request, next: Next) -> Response {
    let encrypted = request.extensions().get::<chassis::Encrypted>().is_some();
    let mut response = next.run(request).await;
    headers::add_security_headers(response.headers_mut(), encrypted);
    response
}
