//! The section `[identity]` of the routes file: whose tokens are believed, and how they must be.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use identity::{Algorithm, Rules};
use serde::Deserialize;

use crate::notation::{parsed, span};

/// The section as it is written. Without an issuer the gateway is open.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Section {
    issuer: Option<String>,
    audience: Option<String>,
    /// Where the provider is asked about itself, if not at the issuer: inside a cluster it may have another name.
    discovery: Option<String>,
    /// Instead of asking a provider: a file with its keys.
    keys_file: Option<PathBuf>,
    #[serde(deserialize_with = "parsed")]
    algorithms: Vec<Algorithm>,
    #[serde(deserialize_with = "span")]
    leeway: Duration,
    roles: String,
    #[serde(deserialize_with = "span")]
    refresh: Duration,
    #[serde(deserialize_with = "span")]
    refetch: Duration,
    remembered: NonZeroUsize,
}

impl Default for Section {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: None,
            discovery: None,
            keys_file: None,
            algorithms: vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
            leeway: Duration::from_secs(30),
            roles: "realm_access.roles".to_owned(),
            refresh: Duration::from_mins(10),
            refetch: Duration::from_secs(10),
            remembered: NonZeroUsize::new(4096).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// Whose tokens are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// How they must be.
    pub rules: Rules,
    /// Where the keys come from that they are signed with.
    pub keys: KeySource,
    /// How many tokens are remembered as verified.
    pub remembered: NonZeroUsize,
}

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// From a provider, which is asked.
    Provider {
        /// Who it must say that it is.
        issuer: String,
        /// Where it is asked.
        at: Uri,
        /// How often.
        refresh: Duration,
        /// How often at most, when a token names a key that is not known.
        refetch: Duration,
    },
    /// From a file that is read once.
    File(PathBuf),
}

impl Section {
    /// What is believed, filled in from the environment: `IDENTITY_ISSUER`, `IDENTITY_AUDIENCE`, `IDENTITY_DISCOVERY` and
    /// `IDENTITY_KEYS_FILE`. `None` if nothing names an issuer.
    ///
    /// # Errors
    ///
    /// The key of the section, and what is wrong with its value.
    pub fn settle(
        mut self,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Trusted>, (&'static str, String)> {
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        self.issuer = set("IDENTITY_ISSUER").or(self.issuer);
        self.audience = set("IDENTITY_AUDIENCE").or(self.audience);
        self.discovery = set("IDENTITY_DISCOVERY").or(self.discovery);
        self.keys_file = set("IDENTITY_KEYS_FILE").map(PathBuf::from).or(self.keys_file);
        let Some(issuer) = self.issuer.clone() else {
            // Whoever set one of these believes that tokens are asked for.
            return if self.audience.is_some() || self.discovery.is_some() || self.keys_file.is_some() {
                Err(("identity.issuer", "is missing: without it the gateway would be open".to_owned()))
            } else {
                Ok(None)
            };
        };
        let audience = self.audience.clone().ok_or_else(|| {
            ("identity.audience", "is missing: tokens that the issuer makes for others must not be taken".to_owned())
        })?;
        let keys = self.source(&issuer)?;
        let Self { algorithms, leeway, roles, remembered, .. } = self;
        Ok(Some(Trusted { rules: Rules { issuer, audience, algorithms, leeway, roles }, keys, remembered }))
    }

    fn source(&self, issuer: &str) -> Result<KeySource, (&'static str, String)> {
        if let Some(file) = &self.keys_file {
            return match self.discovery {
                None => Ok(KeySource::File(file.clone())),
                Some(_) => Err(("identity.keys_file", "and discovery exclude each other".to_owned())),
            };
        }
        let (key, url) = match &self.discovery {
            Some(url) => ("identity.discovery", url.as_str()),
            None => ("identity.issuer", issuer),
        };
        let at: Uri = url.parse().map_err(|_| (key, format!("'{url}' is no URL")))?;
        if !matches!(at.scheme_str(), Some("http" | "https")) || at.host().is_none_or(str::is_empty) {
            return Err((key, format!("'{url}' must begin with https:// (or http://) and name a host")));
        }
        if at.query().is_some() {
            return Err((key, format!("'{url}' must have no query")));
        }
        let (refresh, refetch) = (self.refresh, self.refetch);
        Ok(KeySource::Provider { issuer: issuer.to_owned(), at, refresh, refetch })
    }
}
