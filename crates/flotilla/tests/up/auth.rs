//! Tests of authentication: `flotilla up --auth`, `flotilla token` and the commands that send requests to services.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use ambient::{Clock, SystemClock};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use identity::{Algorithm, INTERNAL_TOKEN_HEADER, Identity, Keys, Refusal, Rules, TokenVerifier, USERS, Verifier};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::harbour::{Harbour, until};

fn flotilla(harbour: &Harbour, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flotilla"));
    command.args(arguments).env("FLOTILLA_FLEET", harbour.path("fleet.toml")).env("FLOTILLA_DIR", harbour.path("data"));
    command.env("FLOTILLA_BINARIES", harbour.path("bin"));
    command
}

async fn run(harbour: &Harbour, arguments: &[&str]) -> Output {
    flotilla(harbour, arguments).output().await.unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Verifies a token as the gateway does.
fn verified(harbour: &Harbour, token: &str) -> Result<Identity, Refusal> {
    let keys = fs::read_to_string(harbour.path("data/identity/jwks.json")).unwrap();
    let rules = Rules {
        issuer: "flotilla".to_owned(),
        audience: "harbour".to_owned(),
        algorithms: vec![Algorithm::EdDSA],
        leeway: Duration::ZERO,
        roles: "realm_access.roles".parse().unwrap(),
        claims: Vec::new(),
    };
    let verifier = Verifier::new(rules).unwrap();
    verifier
        .verify(token, &Keys::read(&keys, identity::MAX_KEYS).unwrap(), SystemClock.now())
        .map(|believed| believed.identity)
}

fn identity(name: &str, roles: &[&str]) -> Identity {
    Identity::new(name, roles.iter().copied())
}

#[tokio::test]
async fn a_request_that_is_shown_carries_a_token_as_it_is_pasted() {
    let harbour = Harbour::well();
    let mut up = harbour.up(1, &["--auth"]);
    up.is_up().await;
    let screen = up.screen();
    assert!(!screen.contains("INSECURE: the gateway"), "{screen}");
    let (_, shown) = screen.split_once("-H \"Authorization: Bearer ").unwrap_or_else(|| panic!("{screen}"));
    // The name of the folder contains a quotation mark.
    let (token, _) = shown.split_at(shown.find(")\"").unwrap() + 1);
    assert!(token.starts_with(concat!("$(", env!("CARGO_BIN_EXE_flotilla"), " token")), "{token}");
    let pasted = Command::new("sh").args(["-c", &format!("printf %s \"{token}\"")]).output().await.unwrap();
    assert_eq!(verified(&harbour, text(&pasted.stdout)), Ok(identity("kim", &["clerk"])), "{}", text(&pasted.stderr));

    assert_eq!(fs::metadata(harbour.path("data/identity")).unwrap().permissions().mode() & 0o777, 0o700);
    up.ctrl_c();
    up.ended().await;
    let before = fs::read(harbour.path("data/identity/jwks.json")).unwrap();
    let again = harbour.up(2, &["--auth"]);
    again.is_up().await;
    assert_eq!(fs::read(harbour.path("data/identity/jwks.json")).unwrap(), before);
}

#[tokio::test]
async fn without_auth_a_fleet_prints_a_warning_and_has_no_keys() {
    let harbour = Harbour::well();
    let up = harbour.up(1, &[]);
    up.is_up().await;
    assert!(
        up.screen().contains("INSECURE: authentication is disabled, the gateway accepts every caller"),
        "{}",
        up.screen()
    );
    assert!(!harbour.path("data/identity").exists());
    let output = run(&harbour, &["token", "--name", "kim"]).await;
    let (code, errors) = (output.status.code(), text(&output.stderr));
    assert_eq!((code, text(&output.stdout)), (Some(1), ""), "{errors}");
    let folder = harbour.path("data/identity").display().to_string();
    let expected = format!("harbour has no key for tokens in {folder}: it has never run with `flotilla up --auth`");
    assert_eq!(errors, format!("flotilla: {expected}\n"));
}

#[tokio::test]
async fn only_the_token_is_printed_and_it_expires_in_time() {
    let harbour = Harbour::well();
    let up = harbour.up(1, &["--auth"]);
    up.is_up().await;
    let output = run(&harbour, &["token", "--name", "kim", "--role", "clerk", "--role", "guest"]).await;
    let token = text(&output.stdout).strip_suffix('\n').unwrap();
    assert_eq!(verified(&harbour, token), Ok(identity("kim", &["clerk", "guest"])));
    assert_eq!(text(&output.stderr), "");

    let short = run(&harbour, &["token", "--name", "kim", "--valid", "1s"]).await;
    let short = text(&short.stdout).trim_end();
    until("it has ended", || verified(&harbour, short) == Err(Refusal::Expired)).await;
    for wrong in [&["token"][..], &["token", "--name", ""], &["token", "--name", "kim", "--valid", "0s"]] {
        assert_eq!(run(&harbour, wrong).await.status.code(), Some(2), "{wrong:?}");
    }
}

/// A context that returns its messaging status to operators only.
async fn guarded(port: u16, public: &Path) {
    let passes = std::sync::Arc::new(TokenVerifier::new(&fs::read_to_string(public).unwrap(), USERS).unwrap());
    let answer = move |headers: HeaderMap, body: Value| {
        let who = headers
            .get(INTERNAL_TOKEN_HEADER)
            .and_then(|pass| passes.read(pass.to_str().ok()?, SystemClock.now()).ok());
        match who {
            Some(who) if who.is("operator") => Ok(Json(body)),
            _ => Err((StatusCode::UNAUTHORIZED, Json(json!({ "detail": "who are you?" })))),
        }
    };
    let status = json!({
        "context": "boat", "outboxDepth": 3, "outboxAgeSeconds": 1.0, "deadLetterTopic": "d",
        "consumer": { "group": "harbour.boat.2", "lag": 0, "partitions": 6 },
    });
    let rebuild = answer.clone();
    let routes = Router::new()
        .route("/readyz", get(async || ""))
        .route("/messaging", get(async move |headers: HeaderMap| answer(headers, status)))
        .route(
            "/messaging/rebuild",
            post(async move |headers: HeaderMap| rebuild(headers, json!({ "generation": "2" }))),
        );
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
}

/// The state of the context `boat` in the output of `flotilla status`.
async fn boat(command: &mut Command) -> Value {
    let output = command.args(["--json", "--kafka", "127.0.0.1:1"]).output().await.unwrap();
    let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    let processes = status["processes"].as_array().unwrap();
    processes.iter().find(|process| process["name"] == "boat").unwrap().clone()
}

#[tokio::test]
async fn an_operator_shows_the_key_of_the_gateway_and_is_let_in() {
    let harbour = Harbour::well();
    let mut up = harbour.up(1, &["--auth"]);
    up.is_up().await;
    up.ctrl_c();
    up.ended().await;
    guarded(harbour.ports[2], &harbour.path("data/identity/pass.pub.pem")).await;

    let known = boat(&mut flotilla(&harbour, &["status"])).await;
    assert_eq!((&known["messaging"]["outboxDepth"], &known["refused"]), (&json!(3), &Value::Null), "{known}");
    let rebuilt = run(&harbour, &["rebuild", "boat", "--kafka", "127.0.0.1:1"]).await;
    assert!(rebuilt.status.success(), "{}", text(&rebuilt.stderr));

    let elsewhere = harbour.path("elsewhere");
    let unknown = boat(flotilla(&harbour, &["status"]).env("FLOTILLA_DIR", &elsewhere)).await;
    assert_eq!((&unknown["state"], &unknown["messaging"]), (&json!("ready"), &Value::Null), "{unknown}");
    assert!(unknown["refused"].as_str().unwrap().contains("--pass-key"), "{unknown}");
    let key = harbour.path("data/identity/pass.pem");
    let named = boat(flotilla(&harbour, &["status"]).env("FLOTILLA_DIR", &elsewhere).arg("--pass-key").arg(&key)).await;
    assert_eq!(named["messaging"]["outboxDepth"], 3, "{named}");
    let told = boat(flotilla(&harbour, &["status"]).env("FLOTILLA_DIR", elsewhere).env("FLOTILLA_PASS_KEY", key)).await;
    assert_eq!(told["messaging"]["outboxDepth"], 3, "{told}");
}

#[tokio::test]
async fn a_key_that_is_none_is_one_line_that_does_not_show_it() {
    let harbour = Harbour::well();
    let key = harbour.path("key.pem");
    fs::write(&key, "hunter2").unwrap();
    let output = run(&harbour, &["status", "--pass-key", key.to_str().unwrap()]).await;
    let expected = format!("flotilla: {} has no Ed25519 private key (PEM, PKCS #8)\n", key.display());
    assert_eq!(text(&output.stderr), expected);
}
