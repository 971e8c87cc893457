//! A real provider: Keycloak with the realm of `compose/keycloak/realm.json`, at
//! `FLOTILLA_TEST_KEYCLOAK=http://host:port`. Skipped if that is not set.

use axum::body::Body;
use axum::extract::Request;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::fixture::{Gateway, Service, json, until};
use crate::identity::pass_keys;

/// The response of the token endpoint to a user of the realm.
async fn sign_in(issuer: &str, name: &str) -> Value {
    let form =
        format!("grant_type=password&client_id=matching-cli&scope=openid&username={name}&password={name}-local-only");
    let request = Request::post(format!("{issuer}/protocol/openid-connect/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap();
    json(Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap().map(Body::new)).await
}

async fn status(gateway: &Gateway, path: &str, token: &str) -> u16 {
    let request = gateway.request("GET", path).header("authorization", format!("Bearer {token}"));
    gateway.send(request.body(Body::empty()).unwrap()).await.status().as_u16()
}

/// The same token with other claims or another header, and its old signature.
fn altered(token: &str, part: usize, change: impl FnOnce(&mut Value)) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let mut value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&parts[part]).unwrap()).unwrap();
    change(&mut value);
    parts[part] = URL_SAFE_NO_PAD.encode(value.to_string());
    parts.join(".")
}

#[tokio::test]
async fn people_of_a_real_provider_get_in_and_forgers_do_not() {
    let Ok(keycloak) = std::env::var("FLOTILLA_TEST_KEYCLOAK") else {
        return eprintln!("left out: FLOTILLA_TEST_KEYCLOAK names no Keycloak");
    };
    let issuer = format!("{keycloak}/realms/flotilla");
    let echo = async |request: Request| {
        Json(json!(
            request.headers().get(identity::INTERNAL_TOKEN_HEADER).map(|pass| pass.to_str().unwrap().to_owned())
        ))
    };
    let service = Service::start(Router::new().fallback(echo)).await;
    let (signing_key, passes) = pass_keys();
    let route = |path, role| {
        format!("[[routes]]\npath = \"{path}\"\nupstream = \"x\"\nmethods = [\"GET\"]\nroles = [\"{role}\"]\n")
    };
    let routes = format!(
        "[upstreams]\nx = \"http://{}\"\n{}{}{}[identity]\nissuer = \"{issuer}\"\naudience = \"matching\"\n",
        service.address,
        route("/student", "student"),
        route("/tutor", "tutor"),
        route("/operator", "operator"),
    );
    let gateway = Gateway::guarded(&routes, &signing_key).await;
    until("the keys of Keycloak are known", async || gateway.get("/readyz").await.status() == 200).await;

    for (name, role) in [("kim", "student"), ("lee", "tutor"), ("olga", "operator")] {
        let answer = sign_in(&issuer, name).await;
        let token = answer["access_token"].as_str().unwrap();
        for path in ["student", "tutor", "operator"] {
            let expected = if path == role { 200 } else { 403 };
            assert_eq!(status(&gateway, &format!("/{path}"), token).await, expected, "{name} requests /{path}");
        }
        let request = gateway.request("GET", &format!("/{role}")).header("authorization", format!("Bearer {token}"));
        let pass = json(gateway.send(request.body(Body::empty()).unwrap()).await).await;
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap();
        let identity = passes.read(pass.as_str().unwrap(), ambient::Clock::now(&ambient::SystemClock)).unwrap();
        assert_eq!((json!(identity.subject), identity.roles), (claims["sub"].clone(), [role.to_owned()].into()));
    }

    let answer = sign_in(&issuer, "kim").await;
    let token = answer["access_token"].as_str().unwrap();
    let kid = jsonwebtoken::decode_header(token).unwrap().kid;
    let secret = |algorithm, secret: &[u8]| {
        let header = Header { kid: kid.clone(), ..Header::new(algorithm) };
        let claims = json!({ "iss": issuer, "aud": "matching", "sub": "x", "exp": 9_999_999_999_i64 });
        encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let unsigned = altered(token, 0, |header| header["alg"] = json!("none"));
    let forgeries = [
        ("the identity token, which is for the client", answer["id_token"].as_str().unwrap().to_owned()),
        ("the refresh token, which is for the provider", answer["refresh_token"].as_str().unwrap().to_owned()),
        ("a role added", altered(token, 1, |claims| claims["realm_access"]["roles"] = json!(["operator"]))),
        ("no end", altered(token, 1, |claims| claims["exp"] = json!(9_999_999_999_i64))),
        ("not signed", unsigned.clone()),
        ("not signed, with no signature", format!("{}.", unsigned.rsplit_once('.').unwrap().0)),
        ("a secret that is none", secret(Algorithm::HS256, kid.as_deref().unwrap().as_bytes())),
        ("keys of its own", altered(token, 0, |header| header["jku"] = json!("http://127.0.0.1:9/keys"))),
        ("another key", altered(token, 0, |header| header["kid"] = json!("../../dev/null"))),
    ];
    for (what, forged) in forgeries {
        for path in ["/student", "/operator"] {
            assert_eq!(status(&gateway, path, &forged).await, 401, "{what}");
        }
    }
    assert_eq!(status(&gateway, "/student", token).await, 200);
}
