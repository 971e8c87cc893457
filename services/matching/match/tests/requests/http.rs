//! Requests over HTTP, without a network.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use context::saga::Reply;
use serde_json::{Value, json};
use test_stores::{eventually, on_each_store};
use tokio::time::timeout;
use tower::ServiceExt;

use crate::World;
use crate::payments::declined;

fn service(world: &World) -> Router {
    chassis::router(world.routes(), &world.host, &chassis::Config::default())
}

fn post(body: &Value, key: Option<&str>) -> Request<Body> {
    let request = Request::post("/matches").header("content-type", "application/json");
    let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
    request.body(body.to_string().into()).unwrap()
}

async fn send(world: &World, request: Request<Body>) -> (Response<()>, Value) {
    let (head, body) = service(world).oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, 1 << 16).await.unwrap();
    (Response::from_parts(head, ()), serde_json::from_slice(&body).unwrap())
}

#[test]
fn each_outcome_has_its_answer() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let offer = |price: i64| json!({"id": 5000, "price": price, "status": "matchRequest"});
        let (answer, body) = send(&world, post(&offer(10), None)).await;
        assert_eq!(
            (answer.status(), &answer.headers()["location"]),
            (StatusCode::CREATED, &"/matches/5000".parse().unwrap())
        );
        assert_eq!(
            (&body["id"], &body["price"], &body["status"]),
            (&json!(5000), &json!(10), &json!("matchRequested"))
        );
        let (answer, again) = send(&world, post(&offer(10), None)).await;
        assert_eq!((answer.status(), again), (StatusCode::OK, body));
        assert_eq!(send(&world, post(&offer(11), None)).await.0.status(), StatusCode::CONFLICT);

        world.payments.answer([Reply::Declined(declined("no money"))]);
        let (answer, body) = send(&world, post(&json!({"price": 10}), None)).await;
        assert_eq!((answer.status(), &body["detail"]), (StatusCode::PAYMENT_REQUIRED, &json!("no money")));

        world.payments.answer([Reply::NotSent(Duration::from_secs(7))]);
        let (answer, _) = send(&world, post(&json!({"price": 10}), None)).await;
        assert_eq!((answer.status(), &answer.headers()["retry-after"]), (StatusCode::SERVICE_UNAVAILABLE, &7.into()));
    });
}

#[test]
fn an_idempotency_key_makes_a_repeated_request_the_same_match() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let (answer, body) = send(&world, post(&json!({"price": 10}), Some("key"))).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        let (answer, again) = send(&world, post(&json!({"price": 10}), Some("key"))).await;
        assert_eq!((answer.status(), &again["id"]), (StatusCode::OK, &body["id"]));
        for other in [json!({"price": 11}), json!({"price": 10, "id": 81}), json!({"price": 10, "id": body["id"]})] {
            let (answer, refused) = send(&world, post(&other, Some("key"))).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{other}");
            assert_eq!(refused["type"], "urn:flotilla:problem:idempotency-key-reused");
        }
        // The form of a request is not what it says.
        let (answer, again) = send(&world, post(&json!({"id": null, "price": "10", "x": 1e3}), Some("key"))).await;
        assert_eq!((answer.status(), &again["id"]), (StatusCode::OK, &body["id"]));
        assert_eq!(world.payments.asked().len(), 1);
    });
}

#[test]
fn what_is_no_key_or_more_than_one_is_a_bad_request_and_nothing_is_paid() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let long = "k".repeat(256);
        for key in ["", " ", "a b", "a\tb", "k\u{e4}y", "\"a b\"", &long] {
            for body in [json!({"price": 10}), json!({"id": 81, "price": 10})] {
                let (answer, refused) = send(&world, post(&body, Some(key))).await;
                assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{key:?}");
                assert!(refused["detail"].as_str().unwrap().contains("Idempotency-Key"), "{refused}");
            }
        }
        for second in ["key", "other", ""] {
            let mut request = post(&json!({"id": 81, "price": 10}), Some("key"));
            request.headers_mut().append("idempotency-key", second.parse().unwrap());
            assert_eq!(send(&world, request).await.0.status(), StatusCode::BAD_REQUEST, "{second:?}");
        }
        assert_eq!((world.payments.asked().len(), world.traces().await), (0, 0));
        let longest = "k".repeat(255);
        for key in ["!", "~", "\"quoted\"", "a,b;c=d", &longest] {
            assert_eq!(send(&world, post(&json!({"price": 10}), Some(key))).await.0.status(), StatusCode::CREATED);
        }
    });
}

fn conditional(method: &str, name: &str, condition: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri("/matches/5000").header(name, condition);
    let body = if method == "GET" { Body::empty() } else { json!({"status": "cancel"}).to_string().into() };
    request.header("content-type", "application/json").body(body).unwrap()
}

/// The status, and the entity tag.
async fn status(world: &World, request: Request<Body>) -> (u16, Option<String>) {
    let answer = service(world).oneshot(request).await.unwrap();
    let tag = answer.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
    (answer.status().as_u16(), tag)
}

#[test]
fn a_match_is_cancelled_only_as_it_was_seen() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let (created, seen) = status(&world, post(&json!({"id": 5000, "price": 10}), None)).await;
        let seen = seen.unwrap();
        assert_eq!((created, seen.starts_with('"')), (201, true), "the tag is strong: {seen}");
        let get = |name, condition: &str| conditional("GET", name, condition);
        assert_eq!(status(&world, get("if-none-match", "\"x\"")).await, (200, Some(seen.clone())));
        for known in [seen.clone(), format!("W/{seen}"), format!("\"x\", {seen}"), "*".to_owned()] {
            assert_eq!(status(&world, get("if-none-match", &known)).await, (304, Some(seen.clone())), "{known}");
        }
        for method in ["PATCH", "PUT"] {
            for (name, condition) in [
                ("if-match", "\"stale\"".to_owned()),
                ("if-match", format!("W/{seen}")),
                ("if-match", "stale".to_owned()),
                ("if-none-match", seen.clone()),
                ("if-none-match", "*".to_owned()),
            ] {
                let (answer, refused) = send(&world, conditional(method, name, &condition)).await;
                assert_eq!(answer.status(), StatusCode::PRECONDITION_FAILED, "{method}, {name}: {condition}");
                assert_eq!(refused["type"], "urn:flotilla:problem:precondition-failed");
            }
        }
        assert_eq!(world.said().await.len(), 1, "nothing is cancelled");
        assert_eq!(status(&world, conditional("PATCH", "if-match", &seen)).await.0, 200);
        let (_, now) = status(&world, get("if-none-match", &seen)).await;
        assert_ne!(now.unwrap(), seen, "it has changed");
        assert_eq!(status(&world, conditional("PATCH", "if-match", &seen)).await.0, 412);
        assert_eq!(status(&world, conditional("PUT", "if-match", "*")).await.0, 200);
        // What is not there is not there, whatever is expected of it.
        let mut unknown = conditional("PATCH", "if-match", "*");
        *unknown.uri_mut() = "/matches/1".parse().unwrap();
        assert_eq!(status(&world, unknown).await.0, 404);
    });
}

#[test]
fn a_match_that_changes_while_it_is_being_cancelled_is_not_as_it_was_seen() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.request(5000, 10).await;
        let (_, seen) = status(&world, conditional("GET", "if-none-match", "x")).await;
        let seen = seen.unwrap();
        // Each on its own connection: of those who cancel what they have seen, one does.
        let asking = (0..10).map(|_| status(&world, conditional("PATCH", "if-match", &seen)));
        let mut answers: Vec<u16> = futures_util::future::join_all(asking).await.into_iter().map(|(s, _)| s).collect();
        answers.sort_unstable();
        assert_eq!(answers, [[200].as_slice(), &[412; 9]].concat());
    });
}

#[test]
fn a_request_whose_client_hangs_up_is_finished_all_the_same() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.payments.open.send_replace(false);
        let mut request = Box::pin(service(&world).oneshot(post(&json!({"id": 1, "price": 10}), None)));
        let asked = eventually("payment is asked", async || {
            let answered = timeout(Duration::from_millis(5), &mut request).await.is_ok();
            assert!(!answered, "payment has not answered yet");
            world.payments.asked().len() == 1
        });
        asked.await;
        drop(request);
        world.payments.open.send_replace(true);
        eventually("the match is established", async || world.shown(1).await.is_some()).await;
        assert_eq!(world.said().await.len(), 1);
    });
}
