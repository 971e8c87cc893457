//! The keys that an identity provider publishes.

use std::time::Duration;

use ambient::Timestamp;
use identity::{Algorithm, Keys, MAX_KEYS, MAX_TRIES, Rules, Verifier};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The key of RFC 8037, appendix A.
const VALID: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"good","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// A token that is signed with it.
const TOKEN: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6Imdvb2QifQ.\
    eyJpc3MiOiJpIiwic3ViIjoia2ltIiwiYXVkIjoiYSIsImV4cCI6MTgwMDAwMDMwMH0.\
    L-ePkLlPV4ssEUm10rm3qh_3_CSC967bNGHuUxgQFWT1qqXA88jUVMq-TsbGjR7TNwHM7cPMa1J1OhJquap7Ag";
/// A time at which it is valid, in microseconds since 1970.
const NOW: i64 = 1_800_000_000_000_000;

#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// A key set: a valid key in it is found beside any others, and a token that is signed with it is accepted.
pub fn key_sets(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let read = Keys::read(text, MAX_KEYS);
    assert!(read.as_ref().is_ok_and(|keys| keys.len() <= MAX_KEYS) || read.is_err());
    let others: Vec<&str> = match (serde_json::from_str::<Set<'_>>(text), serde_json::from_str::<&RawValue>(text)) {
        (Ok(set), _) => set.keys.into_iter().map(RawValue::get).collect(),
        (_, Ok(one)) => vec![one.get()],
        _ => return,
    };
    // So many keys of one name are tried, and the valid one must be among them.
    if Keys::read(&set(&others), MAX_KEYS).unwrap().len() >= MAX_TRIES {
        return;
    }
    let (before, after) = others.split_at(others.len() / 2);
    let keys = Keys::read(&set(&[before, &[VALID], after].concat()), MAX_KEYS).unwrap();
    let verified = verifier().verify(TOKEN, &keys, Timestamp::from_micros(NOW));
    assert_eq!(verified.unwrap().identity.subject, "kim");
}

fn set(keys: &[&str]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

fn verifier() -> Verifier {
    Verifier::new(Rules {
        issuer: "i".to_owned(),
        audience: "a".to_owned(),
        algorithms: vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
        leeway: Duration::ZERO,
        roles: "roles".parse().unwrap(),
        claims: Vec::new(),
    })
    .unwrap()
}
