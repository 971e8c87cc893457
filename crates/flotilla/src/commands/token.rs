//! `flotilla token`: prints tokens for a fleet without an identity provider.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use ambient::{Clock, SystemClock, Timestamp};
use clap::Args;
use identity::Identity;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

use crate::output::screen::Screen;
use crate::plan::args::{ArgsError, FleetArgs};
use crate::plan::keyring::{ISSUER, Keyring};
use crate::plan::keys::{KeyError, PrivateKey};

/// Limit of the subject of a token, in bytes (`OpenID` Connect Core, 2).
const MAX_NAME_BYTES: usize = 255;
/// Limit of the validity of a token, which cannot be revoked.
const MAX_VALID: Duration = Duration::from_hours(24 * 30);

/// Arguments of `flotilla token`.
#[derive(Debug, Clone, Args)]
pub struct TokenArgs {
    /// The fleet.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Name of the caller (the subject of the token)
    #[arg(long, value_parser = name)]
    pub name: String,
    /// Role of the caller; repeatable
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
    /// Further claim of the caller, such as its tenant; repeatable
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    pub claims: Vec<(String, String)>,
    /// Validity of the token, 30 days at most
    #[arg(long, default_value = "1h", value_parser = valid)]
    pub valid: Duration,
}

/// Why no token can be made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No fleet can be found from the command line.
    #[error(transparent)]
    Args(#[from] ArgsError),
    /// The fleet has no signing key.
    #[error("{fleet} has no key for tokens in {}: it has never run with `flotilla up --auth`", folder.display())]
    None {
        /// The name of the fleet.
        fleet: String,
        /// The expected folder of the key.
        folder: PathBuf,
    },
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The token cannot be signed.
    #[error("no token can be made: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// Signs tokens for a fleet.
#[derive(Clone)]
pub struct Tokens {
    key: EncodingKey,
    header: Header,
    audience: String,
}

/// Prints a token and nothing else.
pub fn token(args: &TokenArgs, screen: &Screen) -> Result<(), TokenError> {
    let (_, fleet) = args.fleet.find()?;
    let tokens = Tokens::of(&Keyring::new(&fleet.manifest, &args.fleet.folder(&fleet.manifest)?))?;
    let claims = args.claims.iter().cloned().collect();
    let identity = Identity { claims, ..Identity::new(&args.name, &args.roles) };
    screen.line(tokens.token(&identity, SystemClock.now(), args.valid)?);
    Ok(())
}

impl Tokens {
    /// Reads the signing key of the fleet.
    pub fn of(keyring: &Keyring) -> Result<Self, TokenError> {
        let path = keyring.token_key();
        let key = PrivateKey::read(&path).map_err(|error| match error {
            KeyError::File { source, .. } if source.kind() == ErrorKind::NotFound => {
                TokenError::None { fleet: keyring.audience.clone(), folder: keyring.folder.clone() }
            }
            other => other.into(),
        })?;
        let header = Header { kid: key.jwk(&path)?.common.key_id, ..Header::new(Algorithm::EdDSA) };
        Ok(Self { key: key.into_encoding(), header, audience: keyring.audience.clone() })
    }

    /// Signs a token that is valid from `now` for `valid`.
    pub fn token(&self, identity: &Identity, now: Timestamp, valid: Duration) -> Result<String, TokenError> {
        let mut claims = json!({
            "iss": ISSUER,
            "aud": self.audience,
            "sub": identity.subject,
            "iat": seconds(now),
            "nbf": seconds(now),
            "exp": seconds(now.plus(valid)),
            // The claim of Keycloak.
            "realm_access": { "roles": identity.roles },
        });
        for (name, value) in &identity.claims {
            // What the fleet states itself stays as it is.
            if claims.get(name).is_none() {
                claims[name] = value.as_str().into();
            }
        }
        Ok(encode(&self.header, &claims, &self.key)?)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("audience", &self.audience).finish_non_exhaustive()
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}

fn name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > MAX_NAME_BYTES {
        return Err(format!("a name has 1 to {MAX_NAME_BYTES} bytes"));
    }
    Ok(text.to_owned())
}

fn claim(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "a claim is NAME=VALUE".to_owned())
}

fn valid(text: &str) -> Result<Duration, String> {
    let valid = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if valid < Duration::from_secs(1) || valid > MAX_VALID {
        return Err(format!("from 1s to {}", humantime::format_duration(MAX_VALID)));
    }
    Ok(valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_has_a_name_and_a_value() {
        assert_eq!(claim("desk=7=8"), Ok(("desk".to_owned(), "7=8".to_owned())));
        for text in ["", "desk", "=7", "desk="] {
            assert!(claim(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_not_empty_and_a_token_ends() {
        assert_eq!(name("kim"), Ok("kim".to_owned()));
        assert!(name("").is_err() && name(&"k".repeat(256)).is_err());
        assert_eq!(valid("90s"), Ok(Duration::from_secs(90)));
        for text in ["0s", "999ms", "31days", "1", ""] {
            assert!(valid(text).is_err(), "{text:?}");
        }
    }
}
