//! The routes file: parsed, completed from the environment, and validated before the first request.

pub mod clients;
pub mod cors;
mod error;
pub mod identity;
mod limits;
mod rate;
mod routes;
mod units;
mod upstreams;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use self::clients::Clients;
use self::cors::Cors;
use self::error::{invalid, syntax};
use self::identity::{IdentityConfig, IdentitySection};
use self::routes::RouteEntry;
use self::upstreams::Urls;

pub use self::error::ConfigError;
pub use self::limits::Limits;
pub use self::rate::{Rate, RouteRate};
pub use self::routes::Route;
pub use self::upstreams::Upstream;

/// A validated routes file.
#[derive(Debug)]
pub struct Config {
    /// The services behind the gateway.
    pub upstreams: Vec<Upstream>,
    /// The routes. No two cover the same paths.
    pub routes: Vec<Route>,
    /// Limits of requests and connections.
    pub limits: Limits,
    /// The origins whose web pages may send requests; `None`: no other origin.
    pub cors: Option<Cors>,
    /// Which tokens are accepted. `None`: authentication is disabled.
    pub identity: Option<IdentityConfig>,
    /// How clients are told apart.
    pub clients: Clients,
    /// The `OpenAPI` document to serve, relative to the routes file.
    pub openapi: Option<PathBuf>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    upstreams: BTreeMap<String, Urls>,
    routes: Vec<RouteEntry>,
    #[serde(default)]
    limits: Limits,
    cors: Option<Cors>,
    #[serde(default)]
    identity: IdentitySection,
    #[serde(default)]
    clients: Clients,
    openapi: Option<PathBuf>,
}

impl Config {
    /// Parses and validates a routes file.
    ///
    /// `environment` returns the value of a variable. `UPSTREAM_<NAME>` replaces the address of a service, `GATEWAY_RATE`
    /// and `GATEWAY_SHARE` replace `limits.rate` and `limits.share`; [`IdentitySection::resolve`] lists the others.
    pub fn parse(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        let upstreams = upstreams::validate(file.upstreams, &environment)?;
        let mut limits = file.limits;
        if let Some(text) = environment("GATEWAY_RATE") {
            limits.rate = units::parse_rate(&text).map_err(|reason| invalid("GATEWAY_RATE", reason))?;
        }
        if let Some(text) = environment("GATEWAY_SHARE") {
            limits.share = text.parse().map_err(|reason| invalid("GATEWAY_SHARE", format!("'{text}' {reason}")))?;
        }
        limits::validate(&limits)?;
        let routes = routes::validate(file.routes, &upstreams, &limits)?;
        file.cors.as_ref().map_or(Ok(()), Cors::check).map_err(|reason| invalid("cors.credentials", reason))?;
        let identity = file.identity.resolve(environment).map_err(|(key, reason)| invalid(key, reason))?;
        Ok(Self { upstreams, routes, limits, cors: file.cors, identity, clients: file.clients, openapi: file.openapi })
    }
}

#[cfg(test)]
mod tests;
