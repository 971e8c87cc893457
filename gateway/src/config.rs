//! The routes file: read, filled in from the environment, and checked before the first request.

use std::path::PathBuf;
use std::time::Duration;

use chassis::OWN_PATHS;
use http::Method;
use http::uri::{Authority, Uri};
use serde::Deserialize;
use thiserror::Error;

use crate::clients::Clients;
use crate::cors::Cors;
use crate::documentation;
use crate::edge;
use crate::grpc;
use crate::notation::{parsed, rate, rate_or_none, route_rate, some_span, span};
use crate::rate::Rate;
use crate::routes::Pattern;
use crate::trusted::{Section, Trusted};

/// Methods a route may open. OPTIONS is not among them: the gateway answers it from the route's list.
const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Why a routes file cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The text is not TOML, or a key has a value of the wrong form, or no such key exists.
    #[error("line {line} ({text}): {reason}")]
    Syntax {
        /// Where, from 1.
        line: usize,
        /// What stands there.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The value of a key cannot be used.
    #[error("{key}: {reason}")]
    Value {
        /// The key, such as `routes[2].upstream`.
        key: String,
        /// What is wrong with its value.
        reason: String,
    },
}

fn wrong(key: impl Into<String>, reason: impl Into<String>) -> ConfigError {
    ConfigError::Value { key: key.into(), reason: reason.into() }
}

/// A routes file that has been checked.
#[derive(Debug)]
pub struct Config {
    /// The services behind the gateway.
    pub upstreams: Vec<Upstream>,
    /// What leads where. No two paths collide.
    pub routes: Vec<Route>,
    /// What the gateway bears with.
    pub limits: Limits,
    /// Which web pages of other origins may call, if any.
    pub cors: Option<Cors>,
    /// Whose tokens are believed. Nobody's: the gateway is open.
    pub identity: Option<Trusted>,
    /// Who the clients are.
    pub clients: Clients,
    /// The file with the document of what is open (`OpenAPI`), if that is shown. Relative to the routes file.
    pub openapi: Option<PathBuf>,
}

/// A service behind the gateway.
#[derive(Debug)]
pub struct Upstream {
    /// Its name in the file.
    pub name: String,
    /// The host and port of each replica; one at least.
    pub addresses: Vec<Authority>,
}

/// One way through the gateway.
#[derive(Debug)]
pub struct Route {
    /// The paths it opens.
    pub path: Pattern,
    /// The index of its service in [`Config::upstreams`].
    pub upstream: usize,
    /// The methods it opens.
    pub methods: Vec<Method>,
    /// How long the service may take until its answer begins, and between two parts of it.
    pub timeout: Duration,
    /// True if answers are live streams: they may be silent for longer, and end when the gateway shuts down.
    pub stream: bool,
    /// True if the service speaks gRPC here: HTTP/2, with a status at the end of each answer.
    pub grpc: bool,
    /// Who may use it, where tokens are asked for: those with one of these roles. None: everybody who is known.
    pub roles: Vec<String>,
    /// Bytes in a request's body.
    pub body: u64,
    /// Bytes in a request's headers, names and values, if it is less than what the process takes (`HEAD_LIMIT`).
    pub headers: Option<usize>,
    /// Requests in flight.
    pub in_flight: u32,
    /// Which web pages of other origins may call here, if not those that may call elsewhere.
    pub cors: Option<Cors>,
    /// How often a client may ask. All routes without a rate of their own count together.
    pub rate: RouteRate,
}

/// How often a client may ask a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteRate {
    /// As often as `limits.rate` says, counted with all routes of which that is so.
    Common,
    /// Counted for itself.
    Own(Rate),
    /// Without a limit.
    Unlimited,
}

/// What the gateway bears with. Every key may be left out.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes in a request's body.
    pub body: u64,
    /// Time limit of routes that name none.
    #[serde(deserialize_with = "span")]
    pub timeout: Duration,
    /// How long a client may be silent in the middle of its request's body.
    #[serde(deserialize_with = "span")]
    pub upload_idle: Duration,
    /// How long a request's body may take in all, however it comes.
    #[serde(deserialize_with = "span")]
    pub upload_timeout: Duration,
    /// Bytes of all bodies that are on their way through, together.
    pub uploads: u64,
    /// Bytes from which on an answer is compressed for clients that can read that (gzip); 0: none is.
    pub compress_from: u16,
    /// How long a live stream may be silent.
    #[serde(deserialize_with = "span")]
    pub stream_idle: Duration,
    /// Requests in flight per route, and so connections to a service.
    pub in_flight: u32,
    /// How often a client may ask, of all routes that name no rate.
    #[serde(deserialize_with = "rate")]
    pub rate: Option<Rate>,
    /// What a client is told to wait when it is refused for now.
    #[serde(deserialize_with = "span")]
    pub retry_after: Duration,
    /// How long opening a connection to a service may take.
    #[serde(deserialize_with = "span")]
    pub connect_timeout: Duration,
    /// How often a connection that is refused is tried: behind one name there may be another replica.
    pub connect_attempts: u32,
    /// So many failures in a row, and a replica is left out, if there are others.
    pub replica_failures: u32,
    /// For how long, the first time.
    #[serde(deserialize_with = "span")]
    pub replica_pause: Duration,
    /// The share of the requests that may be sent again, from 0 to 1,
    pub retry_share: f32,
    /// and so many in a second besides.
    pub retries_per_second: u32,
    /// How long an unused connection is kept. The services must keep theirs longer (`HEADER_READ_TIMEOUT`).
    #[serde(deserialize_with = "span")]
    pub pool_idle_timeout: Duration,
    /// Unused connections kept per service.
    pub pool_max_idle: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 64 * 1024,
            timeout: Duration::from_secs(10),
            upload_idle: Duration::from_secs(5),
            upload_timeout: Duration::from_secs(10),
            uploads: 16 * 1024 * 1024,
            compress_from: 1024,
            stream_idle: Duration::from_mins(1),
            in_flight: 512,
            rate: "1000/1s".parse().ok(),
            retry_after: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(1),
            connect_attempts: 2,
            replica_failures: 5,
            replica_pause: Duration::from_secs(10),
            retry_share: 0.2,
            retries_per_second: 10,
            pool_idle_timeout: Duration::from_secs(4),
            pool_max_idle: 128,
        }
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    upstreams: std::collections::BTreeMap<String, Urls>,
    routes: Vec<RouteEntry>,
    #[serde(default)]
    limits: Limits,
    cors: Option<Cors>,
    #[serde(default)]
    identity: Section,
    #[serde(default)]
    clients: Clients,
    openapi: Option<PathBuf>,
}

/// One address, or several of equal rank.
#[derive(Deserialize)]
#[serde(untagged)]
enum Urls {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteEntry {
    path: String,
    upstream: String,
    #[serde(deserialize_with = "parsed")]
    methods: Vec<Method>,
    #[serde(deserialize_with = "some_span", default)]
    timeout: Option<Duration>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    grpc: bool,
    #[serde(default)]
    roles: Vec<String>,
    body: Option<u64>,
    headers: Option<usize>,
    in_flight: Option<u32>,
    cors: Option<Cors>,
    #[serde(deserialize_with = "route_rate", default = "common")]
    rate: RouteRate,
}

const fn common() -> RouteRate {
    RouteRate::Common
}

impl Config {
    /// Reads a routes file. `environment` gives the value of `UPSTREAM_<NAME>`, which replaces a service's address, of
    /// `GATEWAY_RATE`, which replaces `limits.rate`, and of the variables that [`Section::settle`] names.
    pub fn parse(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        let upstreams = upstreams(file.upstreams, &environment)?;
        let mut limits = file.limits;
        if let Some(text) = environment("GATEWAY_RATE") {
            limits.rate = rate_or_none(&text).map_err(|reason| wrong("GATEWAY_RATE", reason))?;
        }
        check_limits(&limits)?;
        let routes = routes(file.routes, &upstreams, &limits)?;
        file.cors.as_ref().map_or(Ok(()), Cors::check).map_err(|reason| wrong("cors.credentials", reason))?;
        let identity = file.identity.settle(environment).map_err(|(key, reason)| wrong(key, reason))?;
        Ok(Self { upstreams, routes, limits, cors: file.cors, identity, clients: file.clients, openapi: file.openapi })
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.get(..start).unwrap_or_default().matches('\n').count();
    let shown = text.lines().nth(line).unwrap_or_default().trim().to_owned();
    ConfigError::Syntax { line: line + 1, text: shown, reason: error.message().replace('\n', " ") }
}

fn upstreams(
    named: std::collections::BTreeMap<String, Urls>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Upstream>, ConfigError> {
    let upstream = |(name, urls): (String, Urls)| {
        let variable = variable(&name);
        let (key, urls) = match (environment(&variable), urls) {
            (Some(urls), _) => (variable, urls.split(',').map(|url| url.trim().to_owned()).collect()),
            (None, Urls::One(url)) => (format!("upstreams.{name}"), vec![url]),
            (None, Urls::Several(urls)) => (format!("upstreams.{name}"), urls),
        };
        if urls.is_empty() {
            return Err(wrong(key, "names no address"));
        }
        let address = |url: &String| authority(url).map_err(|reason| wrong(key.clone(), format!("'{url}' {reason}")));
        let addresses = urls.iter().map(address).collect::<Result<_, _>>()?;
        Ok(Upstream { name, addresses })
    };
    named.into_iter().map(upstream).collect()
}

/// The variable that replaces the address of the service `name`.
fn variable(name: &str) -> String {
    format!("UPSTREAM_{}", name.to_ascii_uppercase().replace('-', "_"))
}

fn authority(url: &str) -> Result<Authority, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "is no URL")?;
    let parts = uri.into_parts();
    if parts.scheme != Some(http::uri::Scheme::HTTP) {
        return Err("must begin with http:// (inside a cluster there is no TLS)");
    }
    if parts.path_and_query.is_some_and(|path| path != "/") {
        return Err("must end after host and port: paths are passed on as they are");
    }
    match parts.authority {
        Some(authority) if !authority.host().is_empty() && !authority.as_str().contains('@') => Ok(authority),
        _ => Err("must name a host, and no user"),
    }
}

fn routes(entries: Vec<RouteEntry>, upstreams: &[Upstream], limits: &Limits) -> Result<Vec<Route>, ConfigError> {
    if entries.is_empty() {
        return Err(wrong("routes", "none is given"));
    }
    let mut routes: Vec<Route> = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let route = route(index, entry, upstreams, limits)?;
        if let Some(other) = routes.iter().position(|other| other.path.collides(&route.path)) {
            let reason =
                format!("{} and routes[{other}].path ({}) cover the same paths", route.path, routes[other].path);
            return Err(wrong(format!("routes[{index}].path"), reason));
        }
        routes.push(route);
    }
    Ok(routes)
}

fn route(index: usize, entry: RouteEntry, upstreams: &[Upstream], limits: &Limits) -> Result<Route, ConfigError> {
    let at = |key: &str, reason: String| wrong(format!("routes[{index}].{key}"), reason);
    let path = Pattern::parse(&entry.path).map_err(|error| at("path", format!("'{}' {error}", entry.path)))?;
    if OWN_PATHS.iter().chain([&edge::HEALTH]).chain(&documentation::PATHS).any(|own| path.covers(own)) {
        return Err(at("path", format!("{path} is the gateway's own")));
    }
    let upstream = upstreams.iter().position(|upstream| upstream.name == entry.upstream).ok_or_else(|| {
        let known: Vec<_> = upstreams.iter().map(|upstream| upstream.name.as_str()).collect();
        at("upstream", format!("'{}' is not among [upstreams]: {}", entry.upstream, known.join(", ")))
    })?;
    if entry.methods.is_empty() {
        return Err(at("methods", "none is given".to_owned()));
    }
    if let Some(method) = entry.methods.iter().find(|method| !METHODS.contains(method)) {
        return Err(at("methods", format!("{method} cannot be opened (OPTIONS is answered by the gateway itself)")));
    }
    if entry.grpc && entry.methods != grpc::METHODS {
        return Err(at("methods", "must be [\"POST\"], as grpc is true".to_owned()));
    }
    let timeout = entry.timeout.unwrap_or(limits.timeout);
    let (body, in_flight) = (entry.body.unwrap_or(limits.body), entry.in_flight.unwrap_or(limits.in_flight));
    if in_flight == 0 {
        return Err(at("in_flight", "must be at least 1".to_owned()));
    }
    if body > limits.uploads {
        return Err(at("body", format!("must not be more than limits.uploads ({})", limits.uploads)));
    }
    entry.cors.as_ref().map_or(Ok(()), Cors::check).map_err(|reason| at("cors.credentials", reason.to_owned()))?;
    let RouteEntry { methods, stream, grpc, roles, rate, headers, cors, .. } = entry;
    Ok(Route { path, upstream, methods, timeout, stream, grpc, roles, body, headers, in_flight, cors, rate })
}

fn check_limits(limits: &Limits) -> Result<(), ConfigError> {
    for (key, count) in [("in_flight", limits.in_flight), ("connect_attempts", limits.connect_attempts)] {
        if count == 0 {
            return Err(wrong(format!("limits.{key}"), "must be at least 1"));
        }
    }
    if limits.replica_failures == 0 {
        return Err(wrong("limits.replica_failures", "must be at least 1"));
    }
    if limits.retry_share != 0.0 && !(0.001..=1.0).contains(&limits.retry_share) {
        return Err(wrong("limits.retry_share", "must be 0, or a number from 0.001 to 1"));
    }
    if limits.retries_per_second > 1_000_000 {
        return Err(wrong("limits.retries_per_second", "must be at most 1000000"));
    }
    if limits.uploads < limits.body {
        return Err(wrong("limits.uploads", "must have room for one body at least (limits.body)"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
