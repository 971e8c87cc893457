//! Which web pages of other origins may call: nobody's, unless the routes file says so.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::notation::{parsed, span};

/// Which web pages of other origins may call, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins such as `https://shop.example`; `*` as the port stands for any port.
    #[serde(deserialize_with = "parsed")]
    pub origins: Vec<Origin>,
    /// Methods that such a page may use.
    #[serde(deserialize_with = "parsed")]
    pub methods: Vec<Method>,
    /// Request headers that it may set, besides the simple ones.
    #[serde(deserialize_with = "parsed", default)]
    pub headers: Vec<HeaderName>,
    /// Response headers that it may read, besides the simple ones.
    #[serde(deserialize_with = "parsed", default)]
    pub expose: Vec<HeaderName>,
    /// How long a browser may remember the answer.
    #[serde(deserialize_with = "span", default = "ten_minutes")]
    pub max_age: Duration,
    /// Whether the page may send cookies and the like.
    #[serde(default)]
    pub credentials: bool,
}

fn ten_minutes() -> Duration {
    Duration::from_mins(10)
}

impl Cors {
    /// Says what is wrong if credentials are to go with "any", which the Fetch standard forbids.
    pub fn check(&self) -> Result<(), &'static str> {
        let any_header = self.headers.iter().chain(&self.expose).any(|name| name.as_str() == "*");
        if self.credentials && (any_header || self.methods.iter().any(|method| method.as_str() == "*")) {
            return Err("methods, headers and expose must be named then, not *");
        }
        Ok(())
    }

    /// The layer that answers preflight requests and marks the answers that a page may read.
    pub fn layer(self) -> CorsLayer {
        let origins = self.origins;
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(move |origin, _| origins.iter().any(|own| own.covers(origin))))
            .allow_methods(self.methods)
            .allow_headers(self.headers)
            .expose_headers(self.expose)
            .allow_credentials(self.credentials)
            .max_age(self.max_age)
    }
}

/// Where a web page comes from: scheme, host, port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This one.
    Exactly(String),
    /// This scheme and host (with the colon after it) with any port, or none.
    AnyPort(String),
}

impl Origin {
    /// True if `origin`, as a browser sends it, is meant.
    pub fn covers(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::Exactly(own) => origin.as_bytes() == own.as_bytes(),
            Self::AnyPort(stem) => origin.to_str().is_ok_and(|origin| match origin.strip_prefix(stem.as_str()) {
                Some(port) => !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()),
                None => stem.strip_suffix(':') == Some(origin),
            }),
        }
    }
}

impl std::str::FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "is no origin: write scheme://host or scheme://host:port, in lower case";
        let plain = text.strip_suffix(":*").unwrap_or(text);
        let uri: Uri = plain.parse().map_err(|_| FORM)?;
        // Browsers send just this, without a path: an origin written otherwise would never be met.
        let host = plain.strip_prefix("http://").or_else(|| plain.strip_prefix("https://")).ok_or(FORM)?;
        let odd = |byte: u8| byte.is_ascii_uppercase() || b"@*".contains(&byte);
        if uri.authority().is_none_or(|authority| authority.as_str() != host) || host.bytes().any(odd) {
            return Err(FORM);
        }
        Ok(if plain == text { Self::Exactly(text.to_owned()) } else { Self::AnyPort(format!("{plain}:")) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(own: &str, origin: &'static str) -> bool {
        own.parse::<Origin>().unwrap().covers(&HeaderValue::from_static(origin))
    }

    #[test]
    fn an_origin_covers_itself_alone() {
        assert!(covers("https://shop.example", "https://shop.example"));
        for other in ["http://shop.example", "https://shop.example:8443", "https://shop.example.evil", "null"] {
            assert!(!covers("https://shop.example", other), "{other}");
        }
    }

    #[test]
    fn a_star_covers_every_port_of_one_host() {
        assert!(covers("http://localhost:*", "http://localhost:3000"));
        assert!(covers("http://localhost:*", "http://localhost"));
        for other in
            ["http://localhost:", "http://localhost:3000.evil", "http://localhost.evil:80", "https://localhost:1"]
        {
            assert!(!covers("http://localhost:*", other), "{other}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for text in ["*", "shop.example", "https://shop.example/", "https://Shop.example", "ftp://x", "https://*.x", ""]
        {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
