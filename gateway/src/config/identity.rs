//! The section `[identity]` of the routes file: which tokens are accepted.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use identity::{Algorithm, MAX_KEYS, Rules};
use serde::Deserialize;

use crate::config::units::{duration, parse_list};

/// The section as it is written. Without an issuer authentication is disabled.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentitySection {
    issuer: Option<String>,
    audience: Option<String>,
    /// Base URL of the discovery document, if it differs from the issuer: a provider may have another name inside a
    /// cluster.
    discovery: Option<String>,
    /// A file with the keys of the provider, instead of discovery.
    keys_file: Option<PathBuf>,
    #[serde(deserialize_with = "parse_list")]
    algorithms: Vec<Algorithm>,
    #[serde(deserialize_with = "duration")]
    leeway: Duration,
    roles: String,
    /// Names of further claims that the services get.
    claims: Vec<String>,
    #[serde(deserialize_with = "duration")]
    refresh: Duration,
    #[serde(deserialize_with = "duration")]
    refetch: Duration,
    #[serde(deserialize_with = "duration")]
    max_key_age: Duration,
    max_keys: NonZeroUsize,
    max_key_set: NonZeroUsize,
    remembered: NonZeroUsize,
}

impl Default for IdentitySection {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: None,
            discovery: None,
            keys_file: None,
            algorithms: vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
            leeway: Duration::from_secs(30),
            roles: "realm_access.roles".to_owned(),
            claims: Vec::new(),
            refresh: Duration::from_mins(10),
            refetch: Duration::from_secs(10),
            max_key_age: Duration::from_hours(24),
            max_keys: NonZeroUsize::new(MAX_KEYS).unwrap_or(NonZeroUsize::MIN),
            max_key_set: NonZeroUsize::new(1024 * 1024).unwrap_or(NonZeroUsize::MIN),
            remembered: NonZeroUsize::new(4096).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// Which tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityConfig {
    /// The rules for a token.
    pub rules: Rules,
    /// The source of the keys that verify signatures.
    pub keys: KeySource,
    /// Maximum number of keys that are used.
    pub max_keys: usize,
    /// Number of verified tokens that are cached.
    pub remembered: NonZeroUsize,
}

/// The source of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// Fetched from a provider.
    Provider(ProviderSettings),
    /// A file that is read once.
    File(PathBuf),
}

/// How the keys of a provider are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSettings {
    /// The issuer that the discovery document must name.
    pub issuer: String,
    /// Base URL of the discovery document.
    pub url: Uri,
    /// Interval between two fetches.
    pub refresh: Duration,
    /// Minimum interval between fetches that an unknown key id triggers.
    pub refetch: Duration,
    /// How long the last keys are used while the provider publishes none.
    pub max_key_age: Duration,
    /// Maximum number of keys that are used.
    pub max_keys: usize,
    /// Maximum size of a key set in bytes.
    pub max_key_set: usize,
}

impl IdentitySection {
    /// Validates the section after the environment was applied: `IDENTITY_ISSUER`, `IDENTITY_AUDIENCE`,
    /// `IDENTITY_DISCOVERY` and `IDENTITY_KEYS_FILE`. `None` if no issuer is set.
    ///
    /// # Errors
    ///
    /// The key of the section, and why its value is rejected.
    pub fn resolve(
        mut self,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<IdentityConfig>, (&'static str, String)> {
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        self.issuer = set("IDENTITY_ISSUER").or(self.issuer);
        self.audience = set("IDENTITY_AUDIENCE").or(self.audience);
        self.discovery = set("IDENTITY_DISCOVERY").or(self.discovery);
        self.keys_file = set("IDENTITY_KEYS_FILE").map(PathBuf::from).or(self.keys_file);
        let roles = self.roles.parse().map_err(|error| ("identity.roles", format!("'{}' {error}", self.roles)))?;
        let Some(issuer) = self.issuer.clone() else {
            // These keys make no sense without an issuer: authentication was meant to be enabled.
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
        let max_keys = self.max_keys.get();
        let Self { algorithms, leeway, remembered, claims, .. } = self;
        Ok(Some(IdentityConfig {
            rules: Rules { issuer, audience, algorithms, leeway, roles, claims },
            keys,
            max_keys,
            remembered,
        }))
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
        let parsed: Uri = url.parse().map_err(|_| (key, format!("'{url}' is no URL")))?;
        if !matches!(parsed.scheme_str(), Some("http" | "https")) || parsed.host().is_none_or(str::is_empty) {
            return Err((key, format!("'{url}' must begin with https:// (or http://) and name a host")));
        }
        if parsed.query().is_some() {
            return Err((key, format!("'{url}' must have no query")));
        }
        if self.max_key_age < self.refresh {
            return Err(("identity.max_key_age", "must not be shorter than refresh: keys would not last".to_owned()));
        }
        Ok(KeySource::Provider(ProviderSettings {
            issuer: issuer.to_owned(),
            url: parsed,
            refresh: self.refresh,
            refetch: self.refetch,
            max_key_age: self.max_key_age,
            max_keys: self.max_keys.get(),
            max_key_set: self.max_key_set.get(),
        }))
    }
}
