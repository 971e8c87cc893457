//! Which hosts the gateway answers for, and which web pages may send requests (the rules are in `chassis::access`).

use std::sync::Arc;

use axum::extract::Request;
use chassis::access::{AllowedHosts, is_cross_origin, is_safe, needs_preflight};
use chassis::authority::Authority;
use chassis::{Host, grpc as grpc_headers};
use http::header::{CONTENT_TYPE, HeaderMap, ORIGIN};

use crate::config::Config;
use crate::config::cors::{Cors, Origin};
use crate::request::error::GatewayError;
use crate::routing::pattern::Table;

/// The content types that unsafe requests need.
const JSON: &str = "application/json";
const GRPC: &str = "application/grpc";

/// The hosts that the gateway answers for, and the allowed origins.
#[derive(Debug)]
pub struct Access {
    hosts: AllowedHosts,
    origins: Arc<[Origin]>,
    /// The allowed origins per route, if it has its own.
    by_route: Table<Option<Arc<[Origin]>>>,
}

impl Access {
    /// By `config`. `auth_disabled` restricts the default hosts.
    pub fn new(config: &Config, auth_disabled: bool, host: &Host) -> Self {
        let origins = |cors: &Cors| cors.origins.clone().into();
        let own = config.routes.iter().map(|route| (route.path.clone(), route.cors.as_ref().map(origins)));
        Self {
            hosts: host.allowed_hosts(auth_disabled),
            origins: config.cors.as_ref().map_or_else(|| Arc::from([]), origins),
            by_route: Table::new(own),
        }
    }

    /// The hosts that the gateway answers for.
    pub const fn hosts(&self) -> &AllowedHosts {
        &self.hosts
    }

    /// The authority of a request, if it is for one of these hosts.
    pub fn authority(&self, request: &Request) -> Result<Option<Authority>, GatewayError> {
        self.hosts.check(request.extensions()).map_err(GatewayError::WrongHost)
    }

    /// Rejects an unsafe request that a foreign web page may have caused, or that has the wrong content type.
    pub fn check(&self, request: &Request, grpc: bool, authority: Option<&Authority>) -> Result<(), GatewayError> {
        if is_safe(request.method()) {
            return Ok(());
        }
        let headers = request.headers();
        if is_cross_origin(headers, authority) && !self.is_allowed_origin(request.uri().path(), headers) {
            return Err(GatewayError::ForeignOrigin);
        }
        let (accepted, wanted) = if grpc {
            (grpc_headers::is_grpc(headers), GRPC)
        } else {
            (needs_preflight(request.method(), headers), JSON)
        };
        if accepted {
            return Ok(());
        }
        let given = headers.get(CONTENT_TYPE).map(|given| String::from_utf8_lossy(given.as_bytes()).into_owned());
        Err(GatewayError::ContentType { given: given.unwrap_or_else(|| "missing".to_owned()), wanted })
    }

    fn is_allowed_origin(&self, path: &str, headers: &HeaderMap) -> bool {
        let origins = self.by_route.find(path).and_then(Option::as_ref).unwrap_or(&self.origins);
        headers.get(ORIGIN).is_some_and(|origin| origins.iter().any(|own| own.covers(origin)))
    }
}
