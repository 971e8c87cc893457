//! Requests over HTTP, without a network.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use match_service::{Approval, routes};
use serde_json::{Value, json};
use test_stores::{eventually, on_each_store};
use tokio::time::timeout;
use tower::ServiceExt;

use crate::World;

fn service(world: &World) -> Router {
    chassis::router(routes(world.app.clone(), world.host.clone()), &world.host, &chassis::Config::default())
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

        world.payments.answer([Approval::Declined("no money".into())]);
        let (answer, body) = send(&world, post(&json!({"price": 10}), None)).await;
        assert_eq!((answer.status(), &body["detail"]), (StatusCode::PAYMENT_REQUIRED, &json!("no money")));

        world.payments.answer([Approval::NotAsked(Duration::from_secs(7))]);
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
        let (answer, _) = send(&world, post(&json!({"price": 11}), Some("key"))).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let (answer, _) = send(&world, post(&json!({"price": 10}), Some("k\u{e4}y"))).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
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
