//! The hosts that a process accepts requests for: the defence against DNS rebinding.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::http::Extensions;

use crate::http::authority::{Authority, AuthorityError, HostName};
use crate::http::problem::Problem;

/// The destination of a request: an extension of every request that came over a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The host and the port in the request.
    pub authority: Result<Option<Authority>, AuthorityError>,
    /// Whether the server listens on a loopback address.
    pub on_loopback: bool,
}

/// Hosts accepted besides those of the loopback interface, as in `ALLOWED_HOSTS`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostNames {
    any: bool,
    names: Vec<HostName>,
}

impl FromStr for HostNames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::default();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name.parse() {
                Ok(name) => all.names.push(name),
                Err(_) if name == "*" => all.any = true,
                Err(_) => return Err(format!("'{name}' is no host: write names or addresses without a port, or *")),
            }
        }
        Ok(all)
    }
}

/// The hosts that a process accepts requests for.
#[derive(Debug, Clone)]
pub struct AllowedHosts {
    named: Arc<HostNames>,
    unauthenticated: bool,
}

/// Why a request is not for this process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The host is missing or ambiguous.
    #[error(transparent)]
    Unclear(#[from] AuthorityError),
    /// The request is for another host.
    #[error("this process does not answer for the host {}: ALLOWED_HOSTS lists those that it answers for", .0.host())]
    Misdirected(Authority),
}

impl HostError {
    /// The response to the client.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Unclear(error) => Problem::bad_request(error.to_string()),
            Self::Misdirected(_) => Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", "Misdirected request")
                .detail(self.to_string()),
        }
    }

    /// An example for API documents.
    pub(crate) fn example() -> Self {
        Authority::parse("shop.example").map_or_else(Self::Unclear, Self::Misdirected)
    }
}

impl AllowedHosts {
    /// The hosts in `named`. `unauthenticated`: authentication is disabled in this process.
    pub const fn new(named: Arc<HostNames>, unauthenticated: bool) -> Self {
        Self { named, unauthenticated }
    }

    /// The authority of a request. Fails if it is not one of these hosts.
    ///
    /// Without names, an unauthenticated process on a loopback address accepts the loopback interface only, and every
    /// other process accepts any host. A request that did not come over a connection has no authority.
    pub fn check(&self, request: &Extensions) -> Result<Option<Authority>, HostError> {
        let Some(Destination { authority, on_loopback }) = request.get() else { return Ok(None) };
        let HostNames { any, names } = &*self.named;
        let restricted = !any && (!names.is_empty() || (self.unauthenticated && *on_loopback));
        match authority.clone()? {
            Some(other) if restricted && !other.host().is_loopback() && !names.contains(other.host()) => {
                Err(HostError::Misdirected(other))
            }
            authority => Ok(authority),
        }
    }
}

/// Rejects requests for other hosts.
pub(crate) async fn require_allowed_host(State(hosts): State<AllowedHosts>, request: Request, next: Next) -> Response {
    match hosts.check(request.extensions()) {
        Ok(_) => next.run(request).await,
        Err(reason) => reason.problem().into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status of a request to `host` where the hosts in `listed` are allowed.
    fn status(listed: &str, unauthenticated: bool, on_loopback: bool, host: &str) -> u16 {
        let hosts = AllowedHosts::new(Arc::new(listed.parse().unwrap()), unauthenticated);
        let mut request = Extensions::new();
        request.insert(Destination { authority: Authority::parse(host).map(Some), on_loopback });
        hosts.check(&request).err().map_or(200, |reason| reason.problem().status().as_u16())
    }

    #[test]
    fn an_unauthenticated_process_on_loopback_accepts_loopback_and_listed_hosts_only() {
        for (listed, unauthenticated, on_loopback, host, expected) in [
            ("", true, true, "localhost:8088", 200),
            ("", true, true, "evil.example", 421),
            ("", true, true, "user@localhost", 400),
            ("", true, false, "shop.example", 200),
            ("", false, true, "shop.example", 200),
            ("shop.example, 192.0.2.7", true, true, "Shop.example:80", 200),
            ("shop.example, 192.0.2.7", true, true, "192.0.2.7", 200),
            ("shop.example", true, true, "evil.example", 421),
            ("shop.example", false, false, "evil.example", 421),
            ("shop.example", false, false, "127.0.0.1", 200),
            ("*", true, true, "evil.example", 200),
        ] {
            assert_eq!(
                status(listed, unauthenticated, on_loopback, host),
                expected,
                "{listed} {unauthenticated} {on_loopback} {host}"
            );
        }
        for listed in ["shop.example:80", "http://shop.example", "a b", "*.example"] {
            assert!(listed.parse::<HostNames>().is_err(), "{listed}");
        }
    }
}
