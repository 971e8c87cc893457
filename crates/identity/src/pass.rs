use std::collections::BTreeSet;
use std::time::Duration;

use ambient::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::Identity;

/// How long a pass is valid: as long as a request may take, and one pass may serve the requests of half that time.
pub const PASS_VALID: Duration = Duration::from_mins(1);
/// How far the clocks of a fleet may be off.
const LEEWAY_SECONDS: i64 = 10;

/// The header that a pass is in.
pub const PASS_HEADER: &str = "x-flotilla-pass";
/// What the passes of a gateway are for: they say which person asks.
pub const PERSONS: &str = "persons";
/// What the passes of a service are for: they say which service asks, on its own behalf.
pub const SERVICES: &str = "services";

/// How the PEM form of a public key ends.
const END: &str = "-----END PUBLIC KEY-----";

/// Makes passes: one process has it, and nobody else.
pub struct Signer {
    key: EncodingKey,
    purpose: &'static str,
}

/// Reads passes. It cannot make one.
pub struct Passes {
    keys: Vec<DecodingKey>,
    purpose: &'static str,
}

/// A key that is none.
#[derive(Debug, thiserror::Error)]
pub enum PassKeyError {
    /// It is of another kind, or broken.
    #[error("no Ed25519 key in PEM: {0}")]
    Key(#[from] jsonwebtoken::errors::Error),
    /// It is of the right form, and no key.
    #[error("the key is broken")]
    Broken,
    /// No key can be made here.
    #[error(transparent)]
    Make(#[from] aws_lc_rs::error::Unspecified),
    /// There is no public key in the text.
    #[error("no public key in PEM")]
    None,
}

/// Why a pass is not believed.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum PassRefusal {
    /// Not made by anybody whose key is known, or for another purpose.
    #[error("not made by anybody whose key is known")]
    Forged,
    /// Made a while ago, or it will be made.
    #[error("made at another time")]
    Stale,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    /// What it is for: what says who a service is must not say who a person is.
    aud: String,
    sub: String,
    roles: BTreeSet<String>,
    /// Until when, in seconds since 1970.
    exp: i64,
}

impl Signer {
    /// Of an Ed25519 private key (PKCS #8, PEM), for one purpose.
    pub fn new(pem: &str, purpose: &'static str) -> Result<Self, PassKeyError> {
        Ok(Self { key: EncodingKey::from_ed_pem(pem.as_bytes())?, purpose })
    }

    /// A pass for a request of `identity`.
    pub fn pass(&self, identity: &Identity, now: Timestamp) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            aud: self.purpose.to_owned(),
            sub: identity.subject.clone(),
            roles: identity.roles.clone(),
            exp: seconds(now.plus(PASS_VALID)),
        };
        encode(&Header::new(Algorithm::EdDSA), &claims, &self.key)
    }
}

impl Passes {
    /// Of the public keys (PEM, one after the other) of those who may make passes for this purpose. Several, so that a key
    /// can be replaced: the new one is known before it is used, the old one until it is not used any more.
    pub fn new(pems: &str, purpose: &'static str) -> Result<Self, PassKeyError> {
        let mut keys = Vec::new();
        for pem in pems.split_inclusive(END).filter(|pem| !pem.trim().is_empty()) {
            keys.push(DecodingKey::from_ed_pem(pem.as_bytes())?);
        }
        if keys.is_empty() { Err(PassKeyError::None) } else { Ok(Self { keys, purpose }) }
    }

    /// Whose request it is, by the word of whoever made the pass.
    pub fn read(&self, pass: &str, now: Timestamp) -> Result<Identity, PassRefusal> {
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_audience(&[self.purpose]);
        rules.validate_exp = false;
        let mut read = self.keys.iter().map(|key| decode::<Claims>(pass, key, &rules));
        let claims = read.find_map(Result::ok).ok_or(PassRefusal::Forged)?.claims;
        let left = claims.exp - seconds(now);
        let longest = i64::try_from(PASS_VALID.as_secs()).unwrap_or(i64::MAX);
        if left <= -LEEWAY_SECONDS || left > longest + LEEWAY_SECONDS {
            return Err(PassRefusal::Stale);
        }
        Ok(Identity { subject: claims.sub, roles: claims.roles })
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Passes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passes").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}
