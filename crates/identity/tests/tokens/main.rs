//! Tokens of providers and of attackers. The forgeries follow RFC 8725 (JWT best current practices) and the OWASP cheat
//! sheet on JSON Web Tokens.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails, its fixtures too")]

mod key_sets;
mod provider;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::{Identity, Keys, MAX_KEYS, Refusal, Rules, RulesError, Verifier};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::provider::{NOW, Provider, at, claims, header, raw, rsa_key, rules, with};

struct Site {
    provider: Provider,
    keys: Keys,
    verifier: Verifier,
}

impl Site {
    fn new() -> Self {
        let provider = Provider::new();
        Self { keys: provider.keys(), provider, verifier: Verifier::new(rules()).unwrap() }
    }

    fn signed(&self, claims: &Value) -> String {
        encode(&header(Algorithm::RS256, "rsa"), claims, &self.provider.rsa).unwrap()
    }

    fn verify(&self, token: &str) -> Result<Identity, Refusal> {
        self.verifier.verify(token, &self.keys, at(NOW)).map(|believed| believed.identity)
    }
}

#[test]
fn a_token_of_the_provider_has_a_subject_and_roles() {
    let site = Site::new();
    let kim = Identity::new("f:kim", ["clerk", "guest"]);
    let Provider { rsa, ec, ed } = &site.provider;
    for (algorithm, id, key) in
        [(Algorithm::RS256, "rsa", rsa), (Algorithm::ES256, "ec", ec), (Algorithm::EdDSA, "ed", ed)]
    {
        let token = encode(&header(algorithm, id), &claims(), key).unwrap();
        assert_eq!(site.verify(&token), Ok(kim.clone()), "{algorithm:?}");
    }
    assert!(kim.is("clerk") && !kim.is("chief"));
    let one_audience = site.signed(&with(|claims| claims["aud"] = json!("fleet")));
    assert_eq!(site.verify(&one_audience), Ok(kim));
}

#[test]
fn a_token_without_roles_has_an_identity_without_roles() {
    let site = Site::new();
    for roles in [json!(null), json!({}), json!({ "roles": "" }), json!({ "roles": [1, null] })] {
        let token = site.signed(&with(|claims| claims["realm_access"] = roles));
        assert!(site.verify(&token).unwrap().roles.is_empty(), "{token}");
    }
}

#[test]
fn further_claims_are_passed_on_if_they_are_named_and_are_texts_or_whole_numbers() {
    let provider = Provider::new();
    let verifier = Verifier::new(Rules { claims: vec!["desk".to_owned()], ..rules() }).unwrap();
    let claim = |value: Value| {
        let claims = with(|claims| (claims["desk"], claims["room"]) = (value, json!("9")));
        let token = encode(&header(Algorithm::EdDSA, "ed"), &claims, &provider.ed).unwrap();
        verifier.verify(&token, &provider.keys(), at(NOW)).unwrap().identity.claims
    };
    for value in [json!("7"), json!(7)] {
        assert_eq!(claim(value), [("desk".to_owned(), "7".to_owned())].into());
    }
    for value in [json!(null), json!([7]), json!(7.5), json!(true), json!("x".repeat(256))] {
        assert_eq!(claim(value.clone()), [].into(), "{value}");
    }
}

#[test]
fn roles_are_read_from_the_configured_claim_and_invalid_ones_are_reported() {
    let provider = Provider::new();
    let rules = Rules { roles: "/https:~1~1shop.example~1roles".parse().unwrap(), ..rules() };
    let verifier = Verifier::new(rules).unwrap();
    let believed = |roles: Value| {
        let claims = with(|claims| claims["https://shop.example/roles"] = roles);
        let token = encode(&header(Algorithm::EdDSA, "ed"), &claims, &provider.ed).unwrap();
        verifier.verify(&token, &provider.keys(), at(NOW)).unwrap()
    };
    for roles in [json!(["clerk", "guest"]), json!("guest clerk"), json!(["guest", 7, "clerk"])] {
        let readable = roles[1] != 7;
        let believed = believed(roles);
        assert_eq!(believed.identity.roles, ["clerk", "guest"].map(str::to_owned).into());
        assert_eq!(believed.unreadable_roles.is_none(), readable);
    }
    assert!(believed(json!(7)).unreadable_roles.is_some());
}

#[test]
fn what_a_token_claims_is_held_against_the_rules() {
    let site = Site::new();
    for (what, claims, expected) in [
        ("another issuer", with(|c| c["iss"] = json!("https://id.example/realms/other")), Refusal::Issuer),
        (
            "an issuer that begins alike",
            with(|c| c["iss"] = json!("https://id.example/realms/fleet/")),
            Refusal::Issuer,
        ),
        ("another audience", with(|c| c["aud"] = json!("account")), Refusal::Audience),
        ("no audience at all", with(|c| c["aud"] = json!([])), Refusal::Audience),
        ("expired, and the leeway is over", with(|c| c["exp"] = json!(NOW - 30)), Refusal::Expired),
        ("of the future", with(|c| c["nbf"] = json!(NOW + 31)), Refusal::Early),
        ("no end", with(|c| drop(c.as_object_mut().unwrap().remove("exp"))), Refusal::Malformed),
        ("an end that is a text", with(|c| c["exp"] = json!("tomorrow")), Refusal::Malformed),
        ("no subject", with(|c| drop(c.as_object_mut().unwrap().remove("sub"))), Refusal::Malformed),
        ("an empty name", with(|c| c["sub"] = json!("")), Refusal::Malformed),
        ("a long name", with(|c| c["sub"] = json!("x".repeat(256))), Refusal::Malformed),
    ] {
        assert_eq!(site.verify(&site.signed(&claims)), Err(expected), "{what}");
    }
    let just_in_time = site.signed(&with(|claims| {
        claims["exp"] = json!(NOW - 29);
        claims["nbf"] = json!(NOW + 30);
    }));
    assert!(site.verify(&just_in_time).is_ok());
}

#[test]
fn a_forged_signature_is_refused_however_it_was_forged() {
    let site = Site::new();
    let good = site.signed(&claims());
    let [head, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    let other_body = site.signed(&with(|claims| claims["sub"] = json!("f:lee")));
    let other_body = other_body.split('.').nth(1).unwrap();
    let stranger = rsa_key();
    let by_stranger = |header: Header| encode(&header, &claims(), &stranger).unwrap();
    let public = site.provider.jwks()["keys"][0].clone();
    let modulus = URL_SAFE_NO_PAD.decode(public["n"].as_str().unwrap()).unwrap();
    let with_secret =
        |secret: &[u8]| encode(&header(Algorithm::HS256, "rsa"), &claims(), &EncodingKey::from_secret(secret)).unwrap();
    let own_key = Jwk::from_encoding_key(&stranger, Algorithm::RS256).unwrap();
    for (what, token, expected) in [
        ("alg none, no signature", raw(&json!({"alg": "none", "kid": "rsa"}), &claims(), b""), Refusal::Malformed),
        ("alg NoNe", raw(&json!({"alg": "NoNe", "kid": "rsa"}), &claims(), b""), Refusal::Malformed),
        ("the signature left out", format!("{head}.{body}."), Refusal::Signature),
        ("other claims under a good signature", format!("{head}.{other_body}.{signature}"), Refusal::Signature),
        ("HS256 with the public key as the secret", with_secret(public.to_string().as_bytes()), Refusal::Algorithm),
        ("HS256 with the modulus as the secret", with_secret(&modulus), Refusal::Algorithm),
        (
            "an algorithm that is not allowed",
            encode(&header(Algorithm::RS512, "rsa"), &claims(), &site.provider.rsa).unwrap(),
            Refusal::Algorithm,
        ),
        (
            "a key of another kind",
            encode(&header(Algorithm::ES256, "rsa"), &claims(), &site.provider.ec).unwrap(),
            Refusal::Algorithm,
        ),
        ("an unknown key", by_stranger(header(Algorithm::RS256, "stranger")), Refusal::Key),
        ("no kid", by_stranger(Header::new(Algorithm::RS256)), Refusal::Key),
        ("a kid that is a path", by_stranger(header(Algorithm::RS256, "../../dev/null")), Refusal::Key),
        ("a stranger under a good kid", by_stranger(header(Algorithm::RS256, "rsa")), Refusal::Signature),
        (
            "a key that the token brings",
            by_stranger(Header { jwk: Some(own_key), ..header(Algorithm::RS256, "rsa") }),
            Refusal::Signature,
        ),
        (
            "keys of a place that the token names",
            by_stranger(Header { jku: Some("https://evil.example/jwks".to_owned()), ..header(Algorithm::RS256, "x") }),
            Refusal::Key,
        ),
        (
            "a certificate of a place that the token names",
            by_stranger(Header { x5u: Some("https://evil.example/x".to_owned()), ..header(Algorithm::RS256, "rsa") }),
            Refusal::Signature,
        ),
        (
            "unsupported crit",
            encode(
                &Header { crit: Some(vec!["b64".to_owned()]), ..header(Algorithm::RS256, "rsa") },
                &claims(),
                &site.provider.rsa,
            )
            .unwrap(),
            Refusal::Algorithm,
        ),
    ] {
        assert_eq!(site.verify(&token), Err(expected), "{what}");
    }
}

#[test]
fn a_malformed_token_is_rejected_without_a_panic() {
    let site = Site::new();
    let good = site.signed(&claims());
    for length in 0..good.len() {
        assert!(site.verify(&good[..length]).is_err(), "cut off after {length}");
    }
    for text in ["", ".", "..", "...", "a.b.c", "Bearer x", "\u{0}", "ä.ö.ü", &".".repeat(8192)] {
        assert!(site.verify(text).is_err(), "{text:?}");
    }
    assert_eq!(site.verify(&format!("{good}.{good}")), Err(Refusal::Malformed));
    assert_eq!(site.verify(&"x".repeat(8193)), Err(Refusal::TooLong));
}

#[test]
fn a_secret_among_public_keys_and_a_key_for_encryption_are_not_taken() {
    let provider = Provider::new();
    let mut jwks = provider.jwks();
    jwks["keys"][0]["use"] = json!("enc");
    jwks["keys"][1] = json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "ec", "alg": "HS256" });
    jwks["keys"].as_array_mut().unwrap().push(json!({ "kty": "AKP", "kid": "later", "alg": "ML-DSA-44", "pub": "x" }));
    let keys = Keys::read(&jwks.to_string(), MAX_KEYS).unwrap();
    let verifier = Verifier::new(rules()).unwrap();
    let verify = |id: &str, algorithm, key| {
        verifier
            .verify(&encode(&header(algorithm, id), &claims(), key).unwrap(), &keys, at(NOW))
            .map(|believed| believed.until)
    };
    assert_eq!(verify("rsa", Algorithm::RS256, &provider.rsa), Err(Refusal::Key));
    assert_eq!(verify("ec", Algorithm::ES256, &provider.ec), Err(Refusal::Key));
    assert!(verify("ed", Algorithm::EdDSA, &provider.ed).is_ok());
}

#[test]
fn rules_that_cannot_be_kept_are_refused() {
    let refused = |rules| Verifier::new(rules).unwrap_err();
    let secret = Rules { algorithms: vec![Algorithm::RS256, Algorithm::HS256], ..rules() };
    assert_eq!(refused(secret), RulesError::Secret(Algorithm::HS256));
    assert_eq!(refused(Rules { algorithms: vec![], ..rules() }), RulesError::NoAlgorithm);
    let hour = Duration::from_hours(1);
    assert_eq!(refused(Rules { leeway: hour, ..rules() }), RulesError::Leeway(hour));
}
