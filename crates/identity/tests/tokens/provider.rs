//! A provider with its tokens, and forged ones.

use std::time::Duration;

use ambient::Timestamp;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use identity::{Keys, MAX_KEYS, Rules};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

pub const NOW: i64 = 1_800_000_000;

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// A provider with a key of each type, and its published key set.
pub struct Provider {
    pub rsa: EncodingKey,
    pub ec: EncodingKey,
    pub ed: EncodingKey,
}

pub fn rsa_key() -> EncodingKey {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key).unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
    EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}

pub fn ec_key() -> EncodingKey {
    let random = SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EncodingKey::from_ec_der(der.as_ref())
}

pub fn ed_key() -> EncodingKey {
    // PKCS #8 without the public key, the form that jsonwebtoken reads.
    let pair = Ed25519KeyPair::generate().unwrap();
    let der = pair.to_pkcs8v1().unwrap();
    EncodingKey::from_ed_der(der.as_ref())
}

impl Provider {
    pub fn new() -> Self {
        Self { rsa: rsa_key(), ec: ec_key(), ed: ed_key() }
    }

    pub fn jwks(&self) -> Value {
        let key = |key: &EncodingKey, algorithm, id: &str| {
            let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap();
            jwk["kid"] = json!(id);
            jwk["use"] = json!("sig");
            jwk
        };
        json!({ "keys": [
            key(&self.rsa, Algorithm::RS256, "rsa"),
            key(&self.ec, Algorithm::ES256, "ec"),
            key(&self.ed, Algorithm::EdDSA, "ed"),
        ] })
    }

    pub fn keys(&self) -> Keys {
        Keys::read(&self.jwks().to_string(), MAX_KEYS).unwrap()
    }
}

pub fn rules() -> Rules {
    Rules {
        issuer: "https://id.example/realms/fleet".to_owned(),
        audience: "fleet".to_owned(),
        algorithms: vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
        leeway: Duration::from_secs(30),
        roles: "realm_access.roles".parse().unwrap(),
        claims: Vec::new(),
    }
}

pub fn claims() -> Value {
    json!({
        "iss": "https://id.example/realms/fleet",
        "sub": "f:kim",
        "aud": ["account", "fleet"],
        "exp": NOW + 300,
        "iat": NOW - 10,
        "realm_access": { "roles": ["guest", "clerk"] },
    })
}

pub fn header(algorithm: Algorithm, id: &str) -> Header {
    Header { kid: Some(id.to_owned()), ..Header::new(algorithm) }
}

pub fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = claims();
    change(&mut claims);
    claims
}

/// A token assembled from parts, which no library would produce.
pub fn raw(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!("{}.{}.{}", part(header.to_string().as_bytes()), part(claims.to_string().as_bytes()), part(signature))
}
