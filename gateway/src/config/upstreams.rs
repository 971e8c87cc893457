//! The section `[upstreams]` of the routes file.

use std::collections::BTreeMap;

use http::uri::{Authority, Scheme, Uri};
use serde::Deserialize;

use crate::config::error::{ConfigError, invalid};

/// A service behind the gateway.
#[derive(Debug)]
pub struct Upstream {
    /// The name in the routes file.
    pub name: String,
    /// Host and port of each replica; at least one.
    pub addresses: Vec<Authority>,
}

/// The address of a service, or the addresses of its replicas.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Urls {
    One(String),
    Several(Vec<String>),
}

pub(super) fn validate(
    named: BTreeMap<String, Urls>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Upstream>, ConfigError> {
    let upstream = |(name, urls): (String, Urls)| {
        let variable = variable_name(&name);
        let (key, urls) = match (environment(&variable), urls) {
            (Some(urls), _) => (variable, urls.split(',').map(|url| url.trim().to_owned()).collect()),
            (None, Urls::One(url)) => (format!("upstreams.{name}"), vec![url]),
            (None, Urls::Several(urls)) => (format!("upstreams.{name}"), urls),
        };
        if urls.is_empty() {
            return Err(invalid(key, "names no address"));
        }
        let address = |url: &String| authority(url).map_err(|reason| invalid(key.clone(), format!("'{url}' {reason}")));
        let addresses = urls.iter().map(address).collect::<Result<_, _>>()?;
        Ok(Upstream { name, addresses })
    };
    named.into_iter().map(upstream).collect()
}

/// The variable that replaces the address of the service `name`.
fn variable_name(name: &str) -> String {
    format!("UPSTREAM_{}", name.to_ascii_uppercase().replace('-', "_"))
}

fn authority(url: &str) -> Result<Authority, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "is no URL")?;
    let parts = uri.into_parts();
    if parts.scheme != Some(Scheme::HTTP) {
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
