//! The document of what is open here, and a page to try it: Swagger UI, of which nothing is loaded from elsewhere.
//!
//! Both are for everybody, also where tokens are asked for: they tell what may be asked and nothing of what is answered, and a
//! browser that opens a page has no token to show. What the page sends needs one like any other request.

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

use crate::headers;

/// Where the document and the page are.
pub const PATHS: [&str; 2] = ["/openapi.json", "/docs"];

/// What the page may load: what is here. Swagger UI has its icons in its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Whether a path is that of the document, or of the page or a part of it.
pub fn covers(path: &str) -> bool {
    let [document, page] = PATHS;
    path == document || path.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A document that was read and looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documentation(Bytes);

impl Documentation {
    /// The one in this file.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read(file).map_err(|error| error.to_string())?;
        let document: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        match document["openapi"].as_str() {
            Some(version) if version.starts_with("3.") => Ok(Self(text.into())),
            _ => Err("it is no document of OpenAPI 3".to_owned()),
        }
    }

    /// As it is in the file.
    pub fn text(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// What answers for it.
    pub fn routes(self) -> Router {
        let document = move || std::future::ready(([(CONTENT_TYPE, "application/json")], self.0.clone()));
        Router::new()
            .route("/openapi.json", get(document))
            .route("/docs", get(page))
            .route("/docs/start.js", get(async || file("text/javascript", include_bytes!("../page/start.js"))))
            .route(
                "/docs/swagger-ui.css",
                get(async || packed("text/css", include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz")))),
            )
            .route(
                "/docs/swagger-ui-bundle.js",
                get(async || {
                    packed("text/javascript", include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz")))
                }),
            )
            .fallback(async || Problem::not_found("this is no part of the page"))
            .method_not_allowed_fallback(async || Problem::method_not_allowed())
            .layer(from_fn(protect))
    }
}

async fn page() -> Response {
    let policy = [(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))];
    (policy, file("text/html", include_bytes!("../page/index.html"))).into_response()
}

fn file(media_type: &'static str, content: &'static [u8]) -> Response {
    (typed(media_type), content).into_response()
}

/// One that is compressed already, as all browsers take it. It is another one when the gateway is.
fn packed(media_type: &'static str, content: &'static [u8]) -> Response {
    let more = [(CONTENT_ENCODING, "gzip"), (CACHE_CONTROL, "public, max-age=3600")];
    (typed(media_type), more, content).into_response()
}

fn typed(media_type: &str) -> [(HeaderName, String); 1] {
    [(CONTENT_TYPE, format!("{media_type}; charset=utf-8"))]
}

async fn protect(request: Request, next: Next) -> Response {
    let encrypted = request.extensions().get::<chassis::Encrypted>().is_some();
    let mut response = next.run(request).await;
    headers::protect(response.headers_mut(), encrypted);
    response
}
