//! Tokens as providers make them, and as attackers do. The list of forgeries: RFC 8725 (JWT best current practices), and
//! what the OWASP cheat sheet on JSON Web Tokens names.

#![expect(clippy::unwrap_used, reason = "a test panics when it fails, its fixtures too")]

use std::time::Duration;

use ambient::Timestamp;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use identity::{Identity, Keys, Refusal, Rules, RulesError, Verifier};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// A provider with a key of each kind, and what it publishes.
struct Provider {
    rsa: EncodingKey,
    ec: EncodingKey,
    ed: EncodingKey,
}

fn rsa_key() -> EncodingKey {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key).unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
    EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}

fn ec_key() -> EncodingKey {
    let random = SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EncodingKey::from_ec_der(der.as_ref())
}

fn ed_key() -> EncodingKey {
    // The form without the public key, which is what jsonwebtoken reads.
    let pair = Ed25519KeyPair::generate().unwrap();
    let der = pair.to_pkcs8v1().unwrap();
    EncodingKey::from_ed_der(der.as_ref())
}

impl Provider {
    fn new() -> Self {
        Self { rsa: rsa_key(), ec: ec_key(), ed: ed_key() }
    }

    fn jwks(&self) -> Value {
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

    fn keys(&self) -> Keys {
        Keys::read(&self.jwks().to_string()).unwrap()
    }
}

fn rules() -> Rules {
    Rules {
        issuer: "https://id.example/realms/fleet".to_owned(),
        audience: "fleet".to_owned(),
        algorithms: vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
        leeway: Duration::from_secs(30),
        roles: "realm_access.roles".to_owned(),
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example/realms/fleet",
        "sub": "f:kim",
        "aud": ["account", "fleet"],
        "exp": NOW + 300,
        "iat": NOW - 10,
        "realm_access": { "roles": ["guest", "clerk"] },
    })
}

fn header(algorithm: Algorithm, id: &str) -> Header {
    Header { kid: Some(id.to_owned()), ..Header::new(algorithm) }
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = claims();
    change(&mut claims);
    claims
}

/// A token of parts that no library would put together.
fn raw(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!("{}.{}.{}", part(header.to_string().as_bytes()), part(claims.to_string().as_bytes()), part(signature))
}

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
fn a_token_of_the_provider_says_who_asks_and_what_it_is() {
    let site = Site::new();
    let kim = Identity { subject: "f:kim".to_owned(), roles: ["clerk", "guest"].map(str::to_owned).into() };
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
fn a_token_without_roles_is_of_somebody_who_has_none() {
    let site = Site::new();
    for roles in [json!(null), json!({}), json!({ "roles": "clerk" }), json!({ "roles": [1, null] })] {
        let token = site.signed(&with(|claims| claims["realm_access"] = roles));
        assert!(site.verify(&token).unwrap().roles.is_empty(), "{token}");
    }
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
        ("nobody", with(|c| drop(c.as_object_mut().unwrap().remove("sub"))), Refusal::Malformed),
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
        ("a key nobody knows", by_stranger(header(Algorithm::RS256, "stranger")), Refusal::Key),
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
            "demands that nobody knows",
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
fn what_is_no_token_is_refused_and_breaks_nothing() {
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
    let keys = Keys::read(&jwks.to_string()).unwrap();
    let verifier = Verifier::new(rules()).unwrap();
    let verify = |id: &str, algorithm, key| {
        verifier
            .verify(&encode(&header(algorithm, id), &claims(), key).unwrap(), &keys, at(NOW))
            .map(|believed| believed.until)
    };
    assert_eq!(verify("rsa", Algorithm::RS256, &provider.rsa), Err(Refusal::Key));
    assert_eq!(verify("ec", Algorithm::ES256, &provider.ec), Err(Refusal::Key));
    assert!(verify("ed", Algorithm::EdDSA, &provider.ed).is_ok());
    for nothing in [r#"{"keys": []}"#, r#"{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}]}"#, "{}", "<html>", ""]
    {
        assert!(Keys::read(nothing).is_err(), "{nothing}");
    }
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
