use std::collections::BTreeSet;
use std::time::Duration;

use ambient::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::Identity;

/// How long a pass is valid: as long as a request may take, and clocks of machines of one fleet may differ.
const VALID: Duration = Duration::from_mins(1);
/// How far the clocks of a fleet may be off.
const LEEWAY_SECONDS: i64 = 10;

/// Makes passes: the gateway has it, and nobody else.
pub struct Signer {
    key: EncodingKey,
    fleet: String,
}

/// Reads passes: every service has it. It cannot make one.
pub struct Passes {
    key: DecodingKey,
    fleet: String,
}

/// A key that is none.
#[derive(Debug, thiserror::Error)]
#[error("no Ed25519 key in PEM: {0}")]
pub struct PassKeyError(#[from] jsonwebtoken::errors::Error);

/// Why a pass is not believed.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum PassRefusal {
    /// Not made by the gateway of this fleet.
    #[error("not made by the gateway of this fleet")]
    Forged,
    /// Made a while ago, or it will be made.
    #[error("made at another time")]
    Stale,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    /// The fleet that it is for: the pass of another one is worth nothing.
    aud: String,
    sub: String,
    roles: BTreeSet<String>,
    /// Until when, in seconds since 1970.
    exp: i64,
}

impl Signer {
    /// Of an Ed25519 private key (PKCS #8, PEM).
    pub fn new(pem: &str, fleet: &str) -> Result<Self, PassKeyError> {
        Ok(Self { key: EncodingKey::from_ed_pem(pem.as_bytes())?, fleet: fleet.to_owned() })
    }

    /// A pass for a request of `identity`.
    pub fn pass(&self, identity: &Identity, now: Timestamp) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            aud: self.fleet.clone(),
            sub: identity.subject.clone(),
            roles: identity.roles.clone(),
            exp: seconds(now.plus(VALID)),
        };
        encode(&Header::new(Algorithm::EdDSA), &claims, &self.key)
    }
}

impl Passes {
    /// Of the public key that belongs to the gateway's (PEM).
    pub fn new(pem: &str, fleet: &str) -> Result<Self, PassKeyError> {
        Ok(Self { key: DecodingKey::from_ed_pem(pem.as_bytes())?, fleet: fleet.to_owned() })
    }

    /// Whose request it is, by the word of the gateway.
    pub fn read(&self, pass: &str, now: Timestamp) -> Result<Identity, PassRefusal> {
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_audience(&[&self.fleet]);
        rules.validate_exp = false;
        let claims = decode::<Claims>(pass, &self.key, &rules).map_err(|_| PassRefusal::Forged)?.claims;
        let left = claims.exp - seconds(now);
        let longest = i64::try_from(VALID.as_secs()).unwrap_or(i64::MAX);
        if left <= -LEEWAY_SECONDS || left > longest + LEEWAY_SECONDS {
            return Err(PassRefusal::Stale);
        }
        Ok(Identity { subject: claims.sub, roles: claims.roles })
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}
