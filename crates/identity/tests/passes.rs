//! Internal tokens, valid and forged.

#![expect(clippy::expect_used, reason = "a test panics when it fails, its fixtures too")]

use ambient::Timestamp;
use identity::{Identity, InternalTokenError, KeyPair, SERVICES, TokenSigner, TokenVerifier, USERS};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

/// A private key and its public key.
fn keys() -> (String, String) {
    let KeyPair { private, public } = KeyPair::generate().expect("a key");
    (private, public)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn kim() -> Identity {
    Identity::new("f:kim", ["clerk"]).with_claim("desk", "7")
}

#[test]
fn a_pass_is_valid_for_a_minute() {
    let (private, public) = keys();
    let pass = TokenSigner::new(&private, USERS).unwrap().pass(&kim(), at(1000)).unwrap();
    let passes = TokenVerifier::new(&public, USERS).unwrap();
    for now in [990, 1000, 1060, 1069] {
        assert_eq!(passes.read(&pass, at(now)), Ok(kim()), "at {now}");
    }
    for now in [0, 989, 1070, 9999] {
        assert_eq!(passes.read(&pass, at(now)), Err(InternalTokenError::Stale), "at {now}");
    }
}

#[test]
fn a_forged_pass_is_rejected() {
    let (private, public) = keys();
    let (strange, strange_public) = keys();
    let passes = TokenVerifier::new(&public, USERS).unwrap();
    let signer =
        |key: &str, purpose: &'static str| TokenSigner::new(key, purpose).unwrap().pass(&kim(), at(1000)).unwrap();
    let good = signer(&private, USERS);
    assert!(passes.read(&good, at(1000)).is_ok());
    let claims = json!({ "aud": USERS, "sub": "f:kim", "roles": [], "exp": 1060 });
    let secret = EncodingKey::from_secret(public.as_bytes());
    for (what, pass) in [
        ("another key", signer(&strange, USERS)),
        ("another purpose", signer(&private, SERVICES)),
        ("cut off", good[..good.len() - 1].to_owned()),
        ("the public key as a secret", encode(&Header::new(Algorithm::HS256), &claims, &secret).unwrap()),
        ("a name", "f:kim".to_owned()),
        ("nothing", String::new()),
    ] {
        assert_eq!(passes.read(&pass, at(1000)), Err(InternalTokenError::Forged), "{what}");
    }
    assert_eq!(
        TokenVerifier::new(&strange_public, USERS).unwrap().read(&good, at(1000)),
        Err(InternalTokenError::Forged)
    );
}

#[test]
fn an_invalid_key_is_rejected() {
    let (private, public) = keys();
    for text in ["", "secret", public.as_str()] {
        assert!(TokenSigner::new(text, USERS).is_err(), "{text:?}");
    }
    for text in ["", "secret", private.as_str()] {
        assert!(TokenVerifier::new(text, USERS).is_err(), "{text:?}");
    }
}

#[test]
fn a_key_is_replaced_without_a_gap() {
    let (old, old_public) = keys();
    let (new, new_public) = keys();
    let both = TokenVerifier::new(&format!("{old_public}{new_public}"), USERS).unwrap();
    for key in [&old, &new] {
        let pass = TokenSigner::new(key, USERS).unwrap().pass(&kim(), at(1000)).unwrap();
        assert_eq!(both.read(&pass, at(1000)), Ok(kim()));
    }
    assert!(TokenVerifier::new(&format!("{old_public}garbage"), USERS).is_err(), "what is no key is not passed over");
}
