//! Key sets of providers: an unusable key does not affect the others.

use identity::{Keys, MAX_KEYS, MAX_TRIES, Reason, Refusal, Verifier};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::provider::{NOW, Provider, at, claims, ed_key, header, rules};

fn jwk(key: &EncodingKey, algorithm: Algorithm, change: impl FnOnce(&mut Value)) -> Value {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap();
    change(&mut jwk);
    jwk
}

fn named(key: &EncodingKey, algorithm: Algorithm, id: &str) -> Value {
    jwk(key, algorithm, |jwk| jwk["kid"] = json!(id))
}

fn nameless(key: &EncodingKey, algorithm: Algorithm) -> Value {
    jwk(key, algorithm, |_| {})
}

fn read(keys: &[Value]) -> Keys {
    Keys::read(&json!({ "keys": keys }).to_string(), MAX_KEYS).unwrap()
}

/// The result for a token with this header, signed with this key.
fn verify(keys: &Keys, header: &Header, key: &EncodingKey) -> Result<(), Refusal> {
    let token = encode(header, &claims(), key).unwrap();
    Verifier::new(rules()).unwrap().verify(&token, keys, at(NOW)).map(drop)
}

/// Unusable members of a key set, each for another reason.
fn garbage() -> Vec<Value> {
    let provider = Provider::new();
    let spoiled = |member: &str, value: Value| jwk(&provider.rsa, Algorithm::RS256, |jwk| jwk[member] = value);
    vec![
        json!(null),
        json!(7),
        json!("key"),
        json!([]),
        json!({}),
        json!({ "kty": null }),
        json!({ "kty": ["RSA"] }),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "x" }),
        json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "rsa", "alg": "HS256" }),
        json!({ "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA" }),
        json!({ "kty": "OKP", "crv": "X25519", "x": "AA" }),
        json!({ "kty": "EC", "crv": "P-256", "x": "AA" }),
        json!({ "kty": "RSA", "n": "AA", "e": "AQAB" }),
        spoiled("key_ops", json!("verify")),
        spoiled("kid", json!(7)),
        spoiled("use", json!(["sig"])),
        spoiled("alg", json!("ES256")),
        spoiled("alg", json!("RSA-OAEP")),
        spoiled("alg", json!(256)),
        spoiled("n", json!("not base64url!")),
        spoiled("n", json!("A".repeat(100_000))),
        spoiled("n", json!("_".repeat(100_000))),
        spoiled("n", Value::Null),
        spoiled("e", json!("")),
    ]
}

#[test]
fn a_key_that_cannot_be_used_is_the_only_one_that_is_lost() {
    let provider = Provider::new();
    for spoiled in garbage() {
        let mut set = provider.jwks()["keys"].as_array().unwrap().clone();
        set.insert(0, spoiled.clone());
        let keys = read(&set);
        assert_eq!((keys.len(), keys.unusable().len()), (3, 1), "{spoiled}");
        assert_eq!(verify(&keys, &header(Algorithm::RS256, "rsa"), &provider.rsa), Ok(()), "{spoiled}");
    }
}

#[test]
fn members_that_are_not_needed_may_be_anything() {
    let key = ed_key();
    for (member, value) in [("x5c", json!("MIIB")), ("x5t", json!(7)), ("exp", json!({})), ("key_ops", Value::Null)] {
        let keys = read(&[jwk(&key, Algorithm::EdDSA, |jwk| jwk[member] = value)]);
        assert_eq!(verify(&keys, &Header::new(Algorithm::EdDSA), &key), Ok(()), "{member}");
    }
    let text = json!({ "keys": [named(&key, Algorithm::EdDSA, "a")] }).to_string();
    let deep = format!(r#"{{"keys":[{}{},{}"#, "[".repeat(10_000), "]".repeat(10_000), &text[9..]);
    let huge = text.replace(r#""kid""#, r#""size":1e999,"kid""#);
    for text in [deep, huge] {
        let keys = Keys::read(&text, MAX_KEYS).unwrap();
        assert_eq!(verify(&keys, &header(Algorithm::EdDSA, "a"), &key), Ok(()));
    }
}

#[test]
fn keys_for_other_purposes_are_no_signing_keys_and_no_fault() {
    let key = ed_key();
    for (member, value) in [("use", json!("enc")), ("key_ops", json!(["wrapKey"])), ("key_ops", json!([]))] {
        let keys = read(&[jwk(&key, Algorithm::EdDSA, |jwk| jwk[member] = value)]);
        assert!(keys.is_empty() && keys.unusable().is_empty(), "{member}");
        assert_eq!(verify(&keys, &Header::new(Algorithm::EdDSA), &key), Err(Refusal::Key), "{member}");
    }
}

#[test]
fn a_set_without_a_signing_key_is_a_set_and_what_is_no_set_is_an_error() {
    assert!(read(&[]).is_empty());
    assert!(read(&garbage()).is_empty());
    for nothing in
        ["{}", r#"{"keys":null}"#, r#"{"keys":{}}"#, r#"{"keys":[}"#, "[]", "null", "<html>", "", "{\"keys\":[]} x"]
    {
        assert!(Keys::read(nothing, MAX_KEYS).is_err(), "{nothing}");
    }
}

#[test]
fn a_single_key_without_a_name_is_the_key_of_every_token() {
    let (key, stranger) = (ed_key(), ed_key());
    let keys = read(&[nameless(&key, Algorithm::EdDSA)]);
    for header in [Header::new(Algorithm::EdDSA), header(Algorithm::EdDSA, "any")] {
        assert_eq!(verify(&keys, &header, &key), Ok(()));
        // The provider may have added a key since.
        assert_eq!(verify(&keys, &header, &stranger), Err(Refusal::Key));
    }
}

#[test]
fn a_token_without_a_name_is_held_against_a_single_key_and_not_against_one_of_several() {
    let (key, other) = (ed_key(), ed_key());
    let nameless = Header::new(Algorithm::EdDSA);
    let single = read(&[named(&key, Algorithm::EdDSA, "a")]);
    assert_eq!(verify(&single, &nameless, &key), Ok(()));
    assert_eq!(verify(&single, &header(Algorithm::EdDSA, "b"), &key), Err(Refusal::Key));
    let several = read(&[named(&key, Algorithm::EdDSA, "a"), named(&other, Algorithm::EdDSA, "b")]);
    assert_eq!(verify(&several, &nameless, &key), Err(Refusal::Key));
}

#[test]
fn of_several_keys_without_a_name_those_that_fit_are_tried_and_no_more_than_so_many() {
    let provider = Provider::new();
    let more: Vec<EncodingKey> = (0..=MAX_TRIES).map(|_| ed_key()).collect();
    let mut set = vec![nameless(&provider.rsa, Algorithm::RS256), nameless(&provider.ec, Algorithm::ES256)];
    set.extend(more.iter().map(|key| nameless(key, Algorithm::EdDSA)));
    let keys = read(&set);
    let (last, tried) = more.split_last().unwrap();
    for key in tried {
        assert_eq!(verify(&keys, &Header::new(Algorithm::EdDSA), key), Ok(()));
    }
    assert_eq!(verify(&keys, &Header::new(Algorithm::EdDSA), last), Err(Refusal::Key));
    assert_eq!(keys.unusable()[0].reason, Reason::Crowded);
    assert_eq!(verify(&keys, &Header::new(Algorithm::RS256), &provider.rsa), Ok(()));
    assert_eq!(verify(&keys, &header(Algorithm::ES256, "any"), &provider.ec), Ok(()));
}

#[test]
fn keys_of_several_types_may_have_one_name() {
    let provider = Provider::new();
    let keys = read(&[
        named(&provider.rsa, Algorithm::RS256, "one"),
        named(&provider.ec, Algorithm::ES256, "one"),
        named(&provider.ed, Algorithm::EdDSA, "one"),
    ]);
    for (algorithm, key) in
        [(Algorithm::RS256, &provider.rsa), (Algorithm::ES256, &provider.ec), (Algorithm::EdDSA, &provider.ed)]
    {
        assert_eq!(verify(&keys, &header(algorithm, "one"), key), Ok(()), "{algorithm:?}");
    }
    let without_ec = read(&[named(&provider.rsa, Algorithm::RS256, "one")]);
    assert_eq!(verify(&without_ec, &header(Algorithm::ES256, "one"), &provider.ec), Err(Refusal::Algorithm));
}

#[test]
fn a_provider_may_have_hundreds_of_keys_and_more_than_the_limit_leaves_the_last_ones_out() {
    let (key, other) = (ed_key(), ed_key());
    let mut set: Vec<Value> = (0..MAX_KEYS - 1).map(|n| named(&other, Algorithm::EdDSA, &format!("k{n}"))).collect();
    set.push(named(&key, Algorithm::EdDSA, "last"));
    set.push(named(&key, Algorithm::EdDSA, "beyond"));
    let keys = read(&set);
    assert_eq!(keys.len(), MAX_KEYS);
    assert_eq!(verify(&keys, &header(Algorithm::EdDSA, "last"), &key), Ok(()));
    assert_eq!(verify(&keys, &header(Algorithm::EdDSA, "beyond"), &key), Err(Refusal::Key));
    let left_out = &keys.unusable()[0];
    assert_eq!((left_out.key.as_str(), left_out.reason), ("beyond", Reason::TooMany));
}

#[test]
fn the_report_of_a_key_is_bounded() {
    let long = json!({ "kty": "oct", "kid": "ä".repeat(10_000) });
    let keys = read(&vec![long; 5_000]);
    assert!(keys.unusable().len() <= 32);
    assert!(keys.unusable().iter().all(|unusable| unusable.key.chars().count() <= 100));
}

/// Arbitrary JSON, biased towards the members of a key.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop_oneof!["RSA", "EC", "OKP", "oct", "sig", "enc", "P-256", "Ed25519", "verify", "RS256", "EdDSA", "AQAB"]
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let member = prop_oneof![
            prop_oneof!["kty", "kid", "use", "key_ops", "alg", "crv", "n", "e", "x", "y", "x5c"].prop_map(String::from),
            ".{0,4}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((member, inner), 0..8).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_around_the_good_keys_their_tokens_are_believed(
        before in prop::collection::vec(json_value(), 0..6),
        after in prop::collection::vec(json_value(), 0..6),
    ) {
        let (key, nobodys) = (ed_key(), ed_key());
        let good = [named(&key, Algorithm::EdDSA, "a name of its own"), nameless(&nobodys, Algorithm::EdDSA)];
        let set: Vec<Value> = before.into_iter().chain(good).chain(after).collect();
        let keys = read(&set);
        prop_assert_eq!(verify(&keys, &header(Algorithm::EdDSA, "a name of its own"), &key), Ok(()));
        prop_assert_eq!(verify(&keys, &Header::new(Algorithm::EdDSA), &nobodys), Ok(()));
    }

    #[test]
    fn a_key_with_one_member_replaced_takes_no_other_with_it(place in 0_usize..8, value in json_value()) {
        let (spoiled, key) = (ed_key(), ed_key());
        let member = ["kty", "kid", "use", "key_ops", "alg", "crv", "x", "x5c"][place];
        let keys = read(&[jwk(&spoiled, Algorithm::EdDSA, |jwk| jwk[member] = value), named(&key, Algorithm::EdDSA, "good")]);
        prop_assert_eq!(verify(&keys, &header(Algorithm::EdDSA, "good"), &key), Ok(()));
    }
}
