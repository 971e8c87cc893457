use std::collections::HashMap;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};

/// How many keys are looked at. Providers have one or two for each algorithm, and those of before.
const MOST: usize = 64;

/// The public keys of a provider, by their `kid`.
#[derive(Default)]
pub struct Keys(HashMap<String, Key>);

pub(crate) struct Key {
    pub(crate) decoding: DecodingKey,
    family: AlgorithmFamily,
    /// The only algorithm that it may be used with, if the provider says so.
    only: Option<Algorithm>,
}

/// Why a set of keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// It is no JSON, or not of the form that RFC 7517 gives it.
    #[error("not a set of keys: {0}")]
    Form(#[from] serde_json::Error),
    /// It has no key that signatures could be verified with.
    #[error("none of the {0} keys verifies signatures")]
    None(usize),
}

impl Keys {
    /// Reads what a provider publishes. Keys that cannot be used here are left out: those for encryption, those without a
    /// `kid`, and secrets, which have no business among public keys.
    pub fn read(text: &str) -> Result<Self, KeysError> {
        let set: JwkSet = serde_json::from_str(text)?;
        let mut keys = HashMap::new();
        for jwk in set.keys.iter().take(MOST) {
            if let (Some(id), Some(key)) = (&jwk.common.key_id, Key::read(jwk)) {
                keys.entry(id.clone()).or_insert(key);
            }
        }
        if keys.is_empty() { Err(KeysError::None(set.keys.len())) } else { Ok(Self(keys)) }
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Key> {
        self.0.get(id)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Key {
    fn read(jwk: &Jwk) -> Option<Self> {
        let family = match jwk.algorithm {
            AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa,
            AlgorithmParameters::EllipticCurve(_) => AlgorithmFamily::Ec,
            AlgorithmParameters::OctetKeyPair(_) => AlgorithmFamily::Ed,
            // A secret: who knows it could make tokens.
            _ => return None,
        };
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let only = match jwk.common.key_algorithm {
            Some(algorithm) => Some(algorithm.try_into().ok()?),
            None => None,
        };
        Some(Self { decoding: DecodingKey::from_jwk(jwk).ok()?, family, only })
    }

    /// Whether a signature by this algorithm may be verified with it: never one of another family, whatever a token says.
    pub(crate) fn suits(&self, algorithm: Algorithm) -> bool {
        algorithm.family() == self.family && self.only.is_none_or(|only| only == algorithm)
    }
}
