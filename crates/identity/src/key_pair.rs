use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::EncodingKey;

use crate::internal_token::PassKeyError;

/// An Ed25519 private key with its public key, both in PEM.
pub struct KeyPair {
    /// PKCS #8 without the public key, the form that [`TokenSigner`](crate::TokenSigner) reads.
    pub private: String,
    /// `SubjectPublicKeyInfo`, the form that [`TokenVerifier`](crate::TokenVerifier) reads.
    pub public: String,
}

impl KeyPair {
    /// Generates a key pair.
    pub fn generate() -> Result<Self, PassKeyError> {
        Ok(Self::of(&Ed25519KeyPair::generate()?)?)
    }

    /// The key pair of this private key.
    pub fn read(private: &str) -> Result<Self, PassKeyError> {
        let key = EncodingKey::from_ed_pem(private.as_bytes())?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.as_bytes());
        Ok(Self::of(&pair.map_err(|_| PassKeyError::Broken)?)?)
    }

    fn of(pair: &Ed25519KeyPair) -> Result<Self, Unspecified> {
        Ok(Self {
            private: pem("PRIVATE KEY", pair.to_pkcs8v1()?.as_ref()),
            public: pem("PUBLIC KEY", pair.public_key().as_der()?.as_ref()),
        })
    }
}

/// Shows the public key only.
impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPair").field("public", &self.public).finish_non_exhaustive()
    }
}

fn pem(kind: &str, der: &[u8]) -> String {
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(der))
}
