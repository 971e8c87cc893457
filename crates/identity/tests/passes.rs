//! The pass of a gateway, and those that others would like to have.

#![expect(clippy::expect_used, reason = "a test panics when it fails, its fixtures too")]

use ambient::Timestamp;
use identity::{Identity, KeyPair, PERSONS, PassRefusal, Passes, SERVICES, Signer};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

/// A private key, and the public one that belongs to it.
fn keys() -> (String, String) {
    let KeyPair { private, public } = KeyPair::generate().expect("a key");
    (private, public)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn kim() -> Identity {
    Identity { subject: "f:kim".to_owned(), roles: ["clerk"].map(str::to_owned).into() }
}

#[test]
fn a_service_reads_whose_request_it_is_for_a_minute() {
    let (private, public) = keys();
    let pass = Signer::new(&private, PERSONS).unwrap().pass(&kim(), at(1000)).unwrap();
    let passes = Passes::new(&public, PERSONS).unwrap();
    for now in [990, 1000, 1060, 1069] {
        assert_eq!(passes.read(&pass, at(now)), Ok(kim()), "at {now}");
    }
    for now in [0, 989, 1070, 9999] {
        assert_eq!(passes.read(&pass, at(now)), Err(PassRefusal::Stale), "at {now}");
    }
}

#[test]
fn nobody_else_can_make_one() {
    let (private, public) = keys();
    let (strange, strange_public) = keys();
    let passes = Passes::new(&public, PERSONS).unwrap();
    let signer = |key: &str, purpose: &'static str| Signer::new(key, purpose).unwrap().pass(&kim(), at(1000)).unwrap();
    let good = signer(&private, PERSONS);
    assert!(passes.read(&good, at(1000)).is_ok());
    let claims = json!({ "aud": PERSONS, "sub": "f:kim", "roles": [], "exp": 1060 });
    let secret = EncodingKey::from_secret(public.as_bytes());
    for (what, pass) in [
        ("another key", signer(&strange, PERSONS)),
        ("another purpose", signer(&private, SERVICES)),
        ("cut off", good[..good.len() - 1].to_owned()),
        ("the public key as a secret", encode(&Header::new(Algorithm::HS256), &claims, &secret).unwrap()),
        ("a name", "f:kim".to_owned()),
        ("nothing", String::new()),
    ] {
        assert_eq!(passes.read(&pass, at(1000)), Err(PassRefusal::Forged), "{what}");
    }
    assert_eq!(Passes::new(&strange_public, PERSONS).unwrap().read(&good, at(1000)), Err(PassRefusal::Forged));
}

#[test]
fn what_is_no_key_is_refused() {
    let (private, public) = keys();
    for text in ["", "secret", public.as_str()] {
        assert!(Signer::new(text, PERSONS).is_err(), "{text:?}");
    }
    for text in ["", "secret", private.as_str()] {
        assert!(Passes::new(text, PERSONS).is_err(), "{text:?}");
    }
}

#[test]
fn a_key_is_replaced_without_a_gap() {
    let (old, old_public) = keys();
    let (new, new_public) = keys();
    let both = Passes::new(&format!("{old_public}{new_public}"), PERSONS).unwrap();
    for key in [&old, &new] {
        let pass = Signer::new(key, PERSONS).unwrap().pass(&kim(), at(1000)).unwrap();
        assert_eq!(both.read(&pass, at(1000)), Ok(kim()));
    }
    assert!(Passes::new(&format!("{old_public}garbage"), PERSONS).is_err(), "what is no key is not passed over");
}
