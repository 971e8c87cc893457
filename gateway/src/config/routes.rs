//! The sections `[[routes]]` of the routes file.

use std::time::Duration;

use chassis::Share;
use http::Method;
use serde::Deserialize;

use crate::config::cors::Cors;
use crate::config::error::{ConfigError, invalid};
use crate::config::limits::Limits;
use crate::config::rate::RouteRate;
use crate::config::units::{optional_duration, optional_share, parse_list, route_rate};
use crate::config::upstreams::Upstream;
use crate::routing::own_paths;
use crate::routing::pattern::Pattern;

/// Methods that a route may allow. OPTIONS is absent: the gateway answers it.
const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The methods of a gRPC route.
const GRPC_METHODS: [Method; 1] = [Method::POST];

/// A route of the gateway.
#[derive(Debug)]
pub struct Route {
    /// The paths it covers.
    pub path: Pattern,
    /// Other names of its path. A request with one is handled as one with the path itself.
    pub aliases: Vec<Pattern>,
    /// The index of its service in [`Config::upstreams`](crate::config::Config::upstreams).
    pub upstream: usize,
    /// The allowed methods.
    pub methods: Vec<Method>,
    /// Time limit until the response begins, and between two parts of it.
    pub timeout: Duration,
    /// Whether responses are live streams: `limits.stream_idle` replaces `timeout` between parts, and they end at shutdown.
    pub stream: bool,
    /// Whether the service speaks gRPC on this route: HTTP/2, with a status at the end of each response.
    pub grpc: bool,
    /// Roles that may use it if authentication is enabled. Empty: every authenticated caller.
    pub roles: Vec<String>,
    /// Maximum size of a request body in bytes.
    pub body: u64,
    /// Maximum size of the request headers in bytes (names and values), if lower than `HEAD_LIMIT`.
    pub headers: Option<usize>,
    /// Maximum number of requests in flight.
    pub in_flight: u32,
    /// The share of `in_flight` that one client may use.
    pub share: Share,
    /// CORS of this route; `None`: [`Config::cors`](crate::config::Config::cors).
    pub cors: Option<Cors>,
    /// Request rate of one client.
    pub rate: RouteRate,
}

/// A route as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteEntry {
    path: String,
    #[serde(default)]
    aliases: Vec<String>,
    upstream: String,
    #[serde(deserialize_with = "parse_list")]
    methods: Vec<Method>,
    #[serde(deserialize_with = "optional_duration", default)]
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
    #[serde(deserialize_with = "optional_share", default)]
    share: Option<Share>,
    cors: Option<Cors>,
    #[serde(deserialize_with = "route_rate", default = "shared_rate")]
    rate: RouteRate,
}

const fn shared_rate() -> RouteRate {
    RouteRate::Shared
}

pub(super) fn validate(
    entries: Vec<RouteEntry>,
    upstreams: &[Upstream],
    limits: &Limits,
) -> Result<Vec<Route>, ConfigError> {
    if entries.is_empty() {
        return Err(invalid("routes", "none is given"));
    }
    let mut routes: Vec<Route> = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let route = validate_route(index, entry, upstreams, limits)?;
        for (key, path) in route.paths() {
            if let Some((at, other)) = colliding(&routes, path) {
                let reason = format!("{path} and {at} ({other}) cover the same paths");
                return Err(invalid(format!("routes[{index}].{key}"), reason));
            }
        }
        routes.push(route);
    }
    Ok(routes)
}

/// The path or alias that covers the same paths as `path`, and its key.
fn colliding<'r>(routes: &'r [Route], path: &Pattern) -> Option<(String, &'r Pattern)> {
    let known = routes
        .iter()
        .enumerate()
        .flat_map(|(index, route)| route.paths().map(move |(key, known)| (format!("routes[{index}].{key}"), known)));
    known.into_iter().find(|(_, known)| *known == path)
}

impl Route {
    /// Its path and its aliases, each with its key.
    fn paths(&self) -> impl Iterator<Item = (&'static str, &Pattern)> {
        self.aliases.iter().map(|alias| ("aliases", alias)).chain([("path", &self.path)])
    }
}

fn validate_route(
    index: usize,
    entry: RouteEntry,
    upstreams: &[Upstream],
    limits: &Limits,
) -> Result<Route, ConfigError> {
    let at = |key: &str, reason: String| invalid(format!("routes[{index}].{key}"), reason);
    let path = Pattern::parse(&entry.path).map_err(|error| at("path", format!("'{}' {error}", entry.path)))?;
    let parsed = entry
        .aliases
        .iter()
        .map(|alias| Pattern::parse(alias).map_err(|error| at("aliases", format!("'{alias}' {error}"))));
    let aliases = parsed.collect::<Result<Vec<_>, _>>()?;
    if !aliases.is_empty() && !aliases.iter().chain([&path]).all(Pattern::is_plain) {
        return Err(at("aliases", "neither a path that has aliases nor an alias may have a *".to_owned()));
    }
    for (key, path) in aliases.iter().map(|alias| ("aliases", alias)).chain([("path", &path)]) {
        if own_paths::all().any(|own| path.covers(own)) {
            return Err(at(key, format!("{path} is the gateway's own")));
        }
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
    if entry.grpc && entry.methods != GRPC_METHODS {
        return Err(at("methods", "must be [\"POST\"], as grpc is true".to_owned()));
    }
    let timeout = entry.timeout.unwrap_or(limits.timeout);
    let (body, in_flight) = (entry.body.unwrap_or(limits.body), entry.in_flight.unwrap_or(limits.in_flight));
    if in_flight == 0 {
        return Err(at("in_flight", "must be at least 1".to_owned()));
    }
    if body > limits.request_buffer_bytes {
        return Err(at(
            "body",
            format!("must not be more than limits.request_buffer_bytes ({})", limits.request_buffer_bytes),
        ));
    }
    entry.cors.as_ref().map_or(Ok(()), Cors::check).map_err(|reason| at("cors.credentials", reason.to_owned()))?;
    let share = entry.share.unwrap_or(limits.share);
    let RouteEntry { methods, stream, grpc, roles, rate, headers, cors, .. } = entry;
    Ok(Route {
        path,
        aliases,
        upstream,
        methods,
        timeout,
        stream,
        grpc,
        roles,
        body,
        headers,
        in_flight,
        share,
        cors,
        rate,
    })
}
