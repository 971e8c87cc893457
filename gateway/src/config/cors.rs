//! CORS: which web pages of other origins may send requests. Default: none.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::units::{duration, parse_list};

/// Which origins may send requests, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins such as `https://shop.example`; `*` as the port stands for any port.
    #[serde(deserialize_with = "parse_list")]
    pub origins: Vec<Origin>,
    /// Allowed methods.
    #[serde(deserialize_with = "parse_list")]
    pub methods: Vec<Method>,
    /// Allowed request headers, besides the CORS-safelisted ones.
    #[serde(deserialize_with = "parse_list", default)]
    pub headers: Vec<HeaderName>,
    /// Response headers that a page may read, besides the CORS-safelisted ones.
    #[serde(deserialize_with = "parse_list", default)]
    pub expose: Vec<HeaderName>,
    /// How long a browser may cache a preflight response.
    #[serde(deserialize_with = "duration", default = "ten_minutes")]
    pub max_age: Duration,
    /// Whether a page may send credentials, such as cookies.
    #[serde(default)]
    pub credentials: bool,
}

fn ten_minutes() -> Duration {
    Duration::from_mins(10)
}

impl Cors {
    /// Rejects wildcards together with credentials, which the Fetch standard forbids.
    pub fn check(&self) -> Result<(), &'static str> {
        let any_header = self.headers.iter().chain(&self.expose).any(|name| name.as_str() == "*");
        if self.credentials && (any_header || self.methods.iter().any(|method| method.as_str() == "*")) {
            return Err("methods, headers and expose must be named then, not *");
        }
        Ok(())
    }

    /// The layer that answers preflight requests and sets the CORS headers.
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

/// The origin of a web page: scheme, host, port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This origin only.
    Exactly(String),
    /// This scheme and host (stored with the colon after it), with any port or none.
    AnyPort(String),
}

impl Origin {
    /// Whether the `Origin` header of a browser matches.
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
        // Browsers send exactly this form, without a path: any other form would never match.
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
    fn an_origin_that_no_browser_sends_is_rejected() {
        for text in ["*", "shop.example", "https://shop.example/", "https://Shop.example", "ftp://x", "https://*.x", ""]
        {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
