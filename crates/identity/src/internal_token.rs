use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ambient::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::Identity;

/// The validity of a pass: the duration of a request. A pass is reused for half that time.
pub const PASS_VALID: Duration = Duration::from_mins(1);
/// The tolerated difference between the clocks of a fleet.
const LEEWAY_SECONDS: i64 = 10;

/// The header with the pass.
pub const INTERNAL_TOKEN_HEADER: &str = "x-flotilla-pass";
/// Audience of the passes of a gateway, which identify a user.
pub const USERS: &str = "persons";
/// Audience of the passes of a service, which identify the service itself.
pub const SERVICES: &str = "services";

/// The last line of a public key in PEM.
const PEM_END: &str = "-----END PUBLIC KEY-----";

/// Signs passes (internal tokens).
pub struct TokenSigner {
    key: EncodingKey,
    purpose: &'static str,
}

/// Verifies passes (internal tokens).
pub struct TokenVerifier {
    keys: Vec<DecodingKey>,
    purpose: &'static str,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PassKeyError {
    /// Not an Ed25519 key in PEM.
    #[error("no Ed25519 key in PEM: {0}")]
    Key(#[from] jsonwebtoken::errors::Error),
    /// The form is right, the key is invalid.
    #[error("the key is broken")]
    Broken,
    /// Key generation failed.
    #[error(transparent)]
    Make(#[from] aws_lc_rs::error::Unspecified),
    /// The text contains no public key.
    #[error("no public key in PEM")]
    None,
}

/// Why a pass is rejected.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum InternalTokenError {
    /// Not signed with a known key, or for another audience.
    #[error("not signed with a known key")]
    Forged,
    /// Expired, or issued too far in the future.
    #[error("expired or not valid yet")]
    Stale,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    /// The audience: a pass of a service must not identify a user.
    aud: String,
    sub: String,
    roles: BTreeSet<String>,
    /// Absent in the passes of an earlier version.
    #[serde(rename = "claims", default, skip_serializing_if = "BTreeMap::is_empty")]
    further: BTreeMap<String, String>,
    /// The expiry, in seconds since 1970.
    exp: i64,
}

impl TokenSigner {
    /// A signer with an Ed25519 private key (PKCS #8, PEM), for one audience.
    pub fn new(pem: &str, purpose: &'static str) -> Result<Self, PassKeyError> {
        Ok(Self { key: EncodingKey::from_ed_pem(pem.as_bytes())?, purpose })
    }

    /// Signs a pass for `identity`.
    pub fn pass(&self, identity: &Identity, now: Timestamp) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            aud: self.purpose.to_owned(),
            sub: identity.subject.clone(),
            roles: identity.roles.clone(),
            further: identity.claims.clone(),
            exp: seconds(now.plus(PASS_VALID)),
        };
        encode(&Header::new(Algorithm::EdDSA), &claims, &self.key)
    }
}

impl TokenVerifier {
    /// A verifier with one or more public keys (concatenated PEM), for one audience. Several keys allow a rotation: add
    /// the new key before it is used, remove the old one when it is no longer used.
    pub fn new(pems: &str, purpose: &'static str) -> Result<Self, PassKeyError> {
        let mut keys = Vec::new();
        for pem in pems.split_inclusive(PEM_END).filter(|pem| !pem.trim().is_empty()) {
            keys.push(DecodingKey::from_ed_pem(pem.as_bytes())?);
        }
        if keys.is_empty() { Err(PassKeyError::None) } else { Ok(Self { keys, purpose }) }
    }

    /// Verifies a pass and returns its identity.
    pub fn read(&self, pass: &str, now: Timestamp) -> Result<Identity, InternalTokenError> {
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_audience(&[self.purpose]);
        rules.validate_exp = false;
        let mut read = self.keys.iter().map(|key| decode::<Claims>(pass, key, &rules));
        let claims = read.find_map(Result::ok).ok_or(InternalTokenError::Forged)?.claims;
        let left = claims.exp - seconds(now);
        let longest = i64::try_from(PASS_VALID.as_secs()).unwrap_or(i64::MAX);
        if left <= -LEEWAY_SECONDS || left > longest + LEEWAY_SECONDS {
            return Err(InternalTokenError::Stale);
        }
        Ok(Identity { subject: claims.sub, roles: claims.roles, claims: claims.further })
    }
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenSigner").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenVerifier").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}
