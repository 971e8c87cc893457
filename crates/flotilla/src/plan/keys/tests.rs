use std::collections::BTreeMap;
use std::time::Duration;

use ambient::Timestamp;
use identity::{Keys, Refusal, Rules, SERVICES, TokenVerifier, Verifier};

use super::*;
use crate::commands::token::{TokenError, Tokens};
use manifest::Manifest;

/// Two contexts call the boat.
const HARBOUR: &str = r#"
name = "harbour"
[gateway]
port = 1
routes = "r"
[[context]]
name = "crane"
package = "p"
binary = "b"
port = 2
calls = ["boat"]
[[context]]
name = "boat"
package = "p"
binary = "b"
port = 3
[[context]]
name = "truck"
package = "p"
binary = "b"
port = 4
calls = ["boat"]
"#;

fn keyring(dir: &Path) -> Keyring {
    Keyring::new(&Manifest::parse(HARBOUR).unwrap(), dir)
}

fn made(dir: &Path) -> Keyring {
    let keyring = keyring(dir);
    make(&keyring).unwrap();
    keyring
}

fn files(keyring: &Keyring) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(&keyring.folder).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn kim() -> Identity {
    Identity::new("kim", ["clerk", "guest"]).with_claim("desk", "7")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

#[test]
fn the_keys_are_for_their_owner_only() {
    let temp = tempfile::tempdir().unwrap();
    let keyring = made(&temp.path().join("data"));
    let names = files(&keyring).into_keys().collect::<Vec<_>>();
    let expected = [
        "call-crane.pem",
        "call-truck.pem",
        "callers-boat.pub.pem",
        "jwks.json",
        "pass.pem",
        "pass.pub.pem",
        "token.pem",
    ];
    assert_eq!(names, expected);
    assert_eq!(mode(&keyring.folder), 0o700);
    for name in names {
        assert_eq!(mode(&keyring.folder.join(&name)), 0o600, "{name}");
    }
}

#[test]
fn the_folder_of_the_keys_becomes_private() {
    let temp = tempfile::tempdir().unwrap();
    let folder = keyring(temp.path()).folder;
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    made(temp.path());
    assert_eq!(mode(&folder), 0o700);
}

#[test]
fn the_keys_are_the_same_at_the_next_start_and_another_fleet_has_others() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = files(&made(here.path()));
    assert_eq!(files(&made(here.path())), first);
    let other = files(&made(there.path()));
    assert!(first.iter().all(|(name, bytes)| other[name] != *bytes), "some key is the same");
}

#[test]
fn public_halves_that_are_lost_are_written_again() {
    let temp = tempfile::tempdir().unwrap();
    let keyring = made(temp.path());
    let first = files(&keyring);
    for path in [keyring.jwks(), keyring.pass_public(), keyring.caller_keys("boat")] {
        fs::remove_file(path).unwrap();
    }
    // What a start that was killed may leave.
    fs::write(keyring.jwks().with_extension("new"), "{").unwrap();
    assert_eq!(files(&made(temp.path())), first);
}

#[test]
fn a_file_that_has_no_key_is_named_and_stays() {
    let temp = tempfile::tempdir().unwrap();
    let keyring = made(temp.path());
    fs::write(keyring.pass_key(), "my notes").unwrap();
    let error = make(&keyring).unwrap_err().to_string();
    assert_eq!(error, format!("{} has no Ed25519 private key (PEM, PKCS #8)", keyring.pass_key().display()));
    assert_eq!(fs::read_to_string(keyring.pass_key()).unwrap(), "my notes");
}

#[test]
fn services_trust_the_internal_tokens_of_the_gateway_and_of_their_callers() {
    let temp = tempfile::tempdir().unwrap();
    let keyring = made(temp.path());
    let read = |path| fs::read_to_string(path).unwrap();
    let pass = signer(&keyring.pass_key()).unwrap().pass(&kim(), at(1000)).unwrap();
    let persons = TokenVerifier::new(&read(keyring.pass_public()), USERS).unwrap();
    assert_eq!(persons.read(&pass, at(1000)), Ok(kim()));
    let services = TokenVerifier::new(&read(keyring.caller_keys("boat")), SERVICES).unwrap();
    for caller in ["crane", "truck"] {
        let signer = TokenSigner::new(&read(keyring.call_key(caller)), SERVICES).unwrap();
        let pass = signer.pass(&kim(), at(1000)).unwrap();
        assert_eq!(services.read(&pass, at(1000)), Ok(kim()), "{caller}");
        assert!(persons.read(&pass, at(1000)).is_err(), "{caller} is no gateway");
    }
}

fn verifier(audience: &str) -> Verifier {
    let rules = Rules {
        issuer: "flotilla".to_owned(),
        audience: audience.to_owned(),
        algorithms: vec![Algorithm::EdDSA],
        leeway: Duration::ZERO,
        roles: "realm_access.roles".parse().unwrap(),
        claims: vec!["desk".to_owned()],
    };
    Verifier::new(rules).unwrap()
}

#[test]
fn a_token_is_valid_with_the_published_keys_until_it_expires() {
    let temp = tempfile::tempdir().unwrap();
    let keyring = made(temp.path());
    let keys = Keys::read(&fs::read_to_string(keyring.jwks()).unwrap(), identity::MAX_KEYS).unwrap();
    let token = Tokens::of(&keyring).unwrap().token(&kim(), at(1000), Duration::from_mins(1)).unwrap();
    let seen = |audience, now| verifier(audience).verify(&token, &keys, at(now)).map(|believed| believed.identity);
    assert_eq!(seen("harbour", 1000), Ok(kim()));
    assert_eq!(seen("harbour", 1059), Ok(kim()));
    assert_eq!(seen("harbour", 1060), Err(Refusal::Expired));
    assert_eq!(seen("harbour", 999), Err(Refusal::Early));
    assert_eq!(seen("airport", 1000), Err(Refusal::Audience));
}

#[test]
fn a_token_of_another_key_is_rejected() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let keys = Keys::read(&fs::read_to_string(made(here.path()).jwks()).unwrap(), identity::MAX_KEYS).unwrap();
    let strange = Tokens::of(&made(there.path())).unwrap().token(&kim(), at(1000), Duration::from_mins(1)).unwrap();
    assert_eq!(verifier("harbour").verify(&strange, &keys, at(1000)), Err(Refusal::Key));
}

#[test]
fn without_keys_the_error_gives_the_reason() {
    let temp = tempfile::tempdir().unwrap();
    let error = Tokens::of(&keyring(temp.path())).unwrap_err();
    assert!(matches!(error, TokenError::None { .. }));
    assert!(error.to_string().contains("never run with `flotilla up --auth`"), "{error}");
}
