//! The authority of a request: host and port (RFC 9110, section 7.2).
//!
//! The only place that reads it, for HTTP/1.1, HTTP/2 and absolute-form targets.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use hyper::header::{HOST, HeaderMap};
use hyper::{Request, Uri, Version};

/// The longest DNS name, including a trailing dot.
const LONGEST_NAME: usize = 254;

/// A host with an optional port, in one normal form: lower case, without user information.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    host: HostName,
    port: Option<u16>,
}

/// The host of an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostName {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
    /// A name in lower case: labels of letters, digits, `-` and `_`, separated by dots.
    Name(String),
}

/// Why the authority of a request is missing or ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// HTTP/1.1 and HTTP/2 require a host.
    #[error("there is no Host")]
    Missing,
    /// There are several `Host` headers.
    #[error("there is more than one Host")]
    Several,
    /// Not a host with an optional port, or it has user information.
    #[error("the host is invalid: a name or an address is needed, and a port from 0 to 65535 may follow")]
    Invalid,
    /// `Host` and `:authority` differ (RFC 9113, section 8.3.1).
    #[error("Host and :authority differ")]
    Differ,
    /// The target has a scheme other than `http` and `https`.
    #[error("the scheme of the target is neither http nor https")]
    Scheme,
}

impl Authority {
    /// Parses `host` or `host:port`. The port may be empty (RFC 3986, section 3.2.3).
    pub fn parse(text: &str) -> Result<Self, AuthorityError> {
        // The colons of an IPv6 address are inside brackets.
        let (host, port) = match text.rfind(':').filter(|at| *at > text.rfind(']').unwrap_or(0)) {
            Some(at) => (&text[..at], port(&text[at + 1..])?),
            None => (text, None),
        };
        Ok(Self { host: host.parse()?, port })
    }

    /// The authority of a request. `None` for HTTP/1.0 without `Host`.
    ///
    /// An absolute-form target overrides `Host` (RFC 9112, section 3.2.2), which must be valid nevertheless. Over
    /// HTTP/2 both must be equal.
    pub fn of<B>(request: &Request<B>) -> Result<Option<Self>, AuthorityError> {
        let (uri, version) = (request.uri(), request.version());
        if uri.scheme_str().is_some_and(|scheme| scheme != "http" && scheme != "https") {
            return Err(AuthorityError::Scheme);
        }
        let named = uri.authority().map(|authority| Self::parse(authority.as_str())).transpose()?;
        let host = of_header(request.headers())?;
        match (named, host) {
            (None, None) if version >= Version::HTTP_11 => Err(AuthorityError::Missing),
            (Some(_), None) if version == Version::HTTP_11 => Err(AuthorityError::Missing),
            (Some(named), Some(host)) if version == Version::HTTP_2 && !named.equals(&host, default_port(uri)) => {
                Err(AuthorityError::Differ)
            }
            (named, host) => Ok(named.or(host)),
        }
    }

    /// The host.
    pub const fn host(&self) -> &HostName {
        &self.host
    }

    /// Whether both are equal. `default` is the port that may be omitted.
    fn equals(&self, other: &Self, default: u16) -> bool {
        self.host == other.host && self.port.unwrap_or(default) == other.port.unwrap_or(default)
    }

    /// Whether this is the authority of `origin`, such as `https://shop.example`.
    pub fn is_of_origin(&self, origin: &str) -> bool {
        let parts = origin.split_once("://").and_then(|(scheme, rest)| match scheme {
            "http" => Some((80, rest)),
            "https" => Some((443, rest)),
            _ => None,
        });
        parts.is_some_and(|(default, rest)| Self::parse(rest).is_ok_and(|other| self.equals(&other, default)))
    }
}

fn port(digits: &str) -> Result<Option<u16>, AuthorityError> {
    match digits {
        "" => Ok(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map(Some).map_err(|_| AuthorityError::Invalid)
        }
        _ => Err(AuthorityError::Invalid),
    }
}

fn of_header(headers: &HeaderMap) -> Result<Option<Authority>, AuthorityError> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(AuthorityError::Several),
        (Some(host), None) => {
            let text = host.to_str().map_err(|_| AuthorityError::Invalid)?;
            Authority::parse(text).map(Some)
        }
    }
}

fn default_port(uri: &Uri) -> u16 {
    if uri.scheme_str() == Some("https") { 443 } else { 80 }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => self.host.fmt(f),
        }
    }
}

impl HostName {
    /// Whether it is the loopback interface of the client: `localhost`, a subdomain of it, `127.0.0.0/8` or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::V4(address) => address.is_loopback(),
            Self::V6(address) => address.is_loopback(),
            Self::Name(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                name == "localhost" || name.ends_with(".localhost")
            }
        }
    }
}

impl FromStr for HostName {
    type Err = AuthorityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return address.parse().map(Self::V6).map_err(|_| AuthorityError::Invalid);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::V4(address));
        }
        if is_name(text) { Ok(Self::Name(text.to_ascii_lowercase())) } else { Err(AuthorityError::Invalid) }
    }
}

/// RFC 3986 allows more characters. DNS names do not have them, and parsers differ in their treatment. Some parsers
/// take a name with a numeric last label for an address (`127.1`).
fn is_name(text: &str) -> bool {
    let labels = || text.strip_suffix('.').unwrap_or(text).split('.');
    let plain = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let number = |label: &str| {
        let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
        label.bytes().all(|byte| byte.is_ascii_digit())
            || hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    text.len() <= LONGEST_NAME && labels().all(plain) && !labels().next_back().is_some_and(number)
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        Authority::parse(text).ok().map(|authority| authority.to_string())
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_its_port_may_be_left_out_or_empty() {
        for (text, expected) in [
            ("shop.example", "shop.example"),
            ("Shop.Example:8088", "shop.example:8088"),
            ("localhost:", "localhost"),
            ("localhost:0", "localhost:0"),
            ("localhost:65535", "localhost:65535"),
            ("localhost:00080", "localhost:80"),
            ("shop.example.", "shop.example."),
            ("my_shop-1", "my_shop-1"),
            ("127.0.0.1:8088", "127.0.0.1:8088"),
            ("[::1]", "[::1]"),
            ("[::1]:", "[::1]"),
            ("[0:0:0:0:0:0:0:1]:8088", "[::1]:8088"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn an_ambiguous_host_is_rejected() {
        for text in [
            "",
            ":8088",
            "user@shop.example",
            "user:pw@shop.example:81",
            "@shop.example",
            "shop.example:65536",
            "shop.example:99999",
            "shop.example:+80",
            "shop.example:-1",
            "shop.example:80:80",
            "shop.example:8o",
            "::1",
            "[::1",
            "::1]",
            "[::1]8088",
            "[::1]]",
            "[fe80::1%25eth0]",
            "[v1.x]",
            "[127.0.0.1]",
            "[]",
            "a/b",
            "a b",
            "a, b",
            "a,b",
            "a;b",
            "a%41",
            "a\\b",
            "a?b",
            "a#b",
            "a\"b",
            "a<b",
            "caf\u{e9}",
            "a..b",
            ".a",
            ".",
            "127.1",
            "127.0.0.01",
            "1.2.3.256",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "1.2.3.4.",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
        assert!(shown(&"a".repeat(254)).is_some() && shown(&"a".repeat(255)).is_none());
    }

    #[test]
    fn the_loopback_interface_has_these_names() {
        let is_loopback = |text: &str| text.parse::<HostName>().unwrap().is_loopback();
        for name in ["localhost", "LOCALHOST", "localhost.", "shop.localhost", "127.0.0.1", "127.255.0.9", "[::1]"] {
            assert!(is_loopback(name), "{name}");
        }
        for name in
            ["evil.example", "localhost.evil.example", "notlocalhost", "128.0.0.1", "0.0.0.0", "[::]", "192.168.0.1"]
        {
            assert!(!is_loopback(name), "{name}");
        }
    }

    /// The authority of a request with these `Host` headers.
    fn of(version: Version, target: &str, hosts: &[&str]) -> Result<Option<String>, AuthorityError> {
        let request = Request::builder().version(version).uri(target);
        let request = hosts.iter().fold(request, |request, host| request.header(HOST, *host));
        Authority::of(&request.body(()).unwrap()).map(|authority| authority.map(|authority| authority.to_string()))
    }

    #[test]
    fn a_request_has_one_authority_whatever_the_version() {
        let (ten, eleven, two) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        let is = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(of(ten, "/", &[]), Ok(None));
        assert_eq!(of(ten, "/", &["a"]), is("a"));
        assert_eq!(of(eleven, "/", &[]), Err(AuthorityError::Missing));
        assert_eq!(of(eleven, "/", &["a", "a"]), Err(AuthorityError::Several));
        assert_eq!(of(eleven, "/", &["localhost:"]), is("localhost"));
        assert_eq!(of(eleven, "http://b/", &["a"]), is("b"));
        assert_eq!(of(eleven, "http://b/", &[]), Err(AuthorityError::Missing));
        assert_eq!(of(eleven, "http://b/", &["a/b"]), Err(AuthorityError::Invalid));
        assert_eq!(of(eleven, "ftp://b/", &["b"]), Err(AuthorityError::Scheme));
        for invalid in ["http://user:pw@b:81/", "http://b:99999/", "http://x@b/"] {
            for version in [eleven, two] {
                assert_eq!(of(version, invalid, &["b"]), Err(AuthorityError::Invalid), "{invalid}");
            }
        }
        assert_eq!(of(two, "https://b/", &[]), is("b"));
        assert_eq!(of(two, "/", &["b"]), is("b"));
        assert_eq!(of(two, "/", &[]), Err(AuthorityError::Missing));
        assert_eq!(of(two, "https://b/", &["a"]), Err(AuthorityError::Differ));
        assert_eq!(of(two, "https://b/", &["b", "b"]), Err(AuthorityError::Several));
        assert_eq!(of(two, "https://b/", &["B:443"]), is("b"));
        assert_eq!(of(two, "http://b/", &["b:443"]), Err(AuthorityError::Differ));
    }

    #[test]
    fn an_origin_has_the_authority_of_its_own_site_alone() {
        let is_of = |authority: &str, origin: &str| Authority::parse(authority).unwrap().is_of_origin(origin);
        assert!(is_of("shop.example", "https://shop.example") && is_of("shop.example:443", "https://shop.example"));
        assert!(is_of("127.0.0.1:8088", "http://127.0.0.1:8088") && is_of("localhost:80", "http://localhost"));
        for origin in ["null", "", "http://localhost", "https://localhost:8088.evil", "ftp://localhost:8088"] {
            assert!(!is_of("localhost:8088", origin), "{origin}");
        }
    }
}
