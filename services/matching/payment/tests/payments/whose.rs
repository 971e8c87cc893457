//! The roles that see payments, and the callers that may request one.

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use chassis::Principal;
use identity::Identity;
use serde_json::{Value, json};
use test_stores::on_each_store;
use tower::ServiceExt;

use crate::{World, approved, bill, canceled};

fn person(roles: &[&str]) -> Principal {
    Principal::User { identity: Identity::new("kim", roles.iter().copied()), operator_role: "operator".into() }
}

async fn ask(world: &World, principal: &Principal, method: Method, path: &str, body: &Value) -> u16 {
    answer(world, principal, method, path, body).await.0
}

/// The status and the document of the response.
async fn answer(world: &World, principal: &Principal, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let routes = world.routes().layer(Extension(principal.clone()));
    let service = chassis::router(routes, &world.host, &chassis::Config::default());
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.body(Body::from(body.to_string())).expect("a request");
    let (head, body) = service.oneshot(request).await.expect("an answer").into_parts();
    let body = to_bytes(body, 1 << 16).await.expect("a body");
    (head.status.as_u16(), serde_json::from_slice(&body).unwrap_or_default())
}

#[test]
fn an_approval_and_a_cancellation_respond_with_what_has_become_of_the_payment() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let body = json!({ "matchId": 1, "attempt": 1, "price": 10 });
        for (path, action) in [("/approvals", "Approved"), ("/cancellations", "Canceled")] {
            let answer = answer(&world, &Principal::Service, Method::POST, path, &body).await;
            assert_eq!(answer, (200, json!({ "matchId": 1, "paymentAction": action })));
        }
    });
}

#[test]
fn each_role_may_do_what_the_table_says() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.approve(bill(100, 1)).await;
        // The caller, and the responses to: a payment, an unknown one, the list, an approval, a cancellation.
        let table = [
            ("a student", person(&["student"]), [403, 403, 403, 403, 403]),
            ("a tutor", person(&["tutor"]), [403, 403, 403, 403, 403]),
            ("without a role", person(&[]), [403, 403, 403, 403, 403]),
            ("an operator", person(&["operator"]), [200, 404, 200, 403, 403]),
            ("all at once", person(&["student", "tutor", "operator"]), [200, 404, 200, 403, 403]),
            ("a service", Principal::Service, [403, 403, 403, 200, 200]),
            ("authentication is disabled", Principal::Unauthenticated, [200, 404, 200, 200, 200]),
        ];
        for (id, (who, principal, expected)) in (1..).zip(table) {
            let bill = bill(id, 1);
            let body = json!({ "matchId": id, "attempt": bill.attempt, "price": bill.price });
            let answers = [
                ask(&world, &principal, Method::GET, "/payments/100", &Value::Null).await,
                ask(&world, &principal, Method::GET, "/payments/404", &Value::Null).await,
                ask(&world, &principal, Method::GET, "/payments", &Value::Null).await,
                ask(&world, &principal, Method::POST, "/approvals", &body).await,
                ask(&world, &principal, Method::POST, "/cancellations", &body).await,
            ];
            assert_eq!(answers, expected, "{who}");
            let staged = if expected[3] == 200 { vec![approved(bill), canceled(bill)] } else { vec![] };
            assert_eq!(world.staged(id).await, staged, "{who}");
        }
    });
}

#[test]
fn a_person_cannot_cancel_a_payment_that_stands() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.approve(bill(1, 1)).await;
        let body = json!({ "matchId": 1, "attempt": 1, "price": 10 });
        assert_eq!(ask(&world, &person(&["operator"]), Method::POST, "/cancellations", &body).await, 403);
        assert_eq!((world.staged(1).await, world.due().await), (vec![approved(bill(1, 1))], vec![]));
    });
}

#[test]
fn a_payment_has_a_tag_until_it_changes() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.approve(bill(100, 1)).await;
        let service = chassis::router(
            world.routes().layer(Extension(Principal::Unauthenticated)),
            &world.host,
            &chassis::Config::default(),
        );
        let read = async |known: &str| {
            let request = Request::get("/payments/100").header("if-none-match", known).body(Body::empty());
            let answer = service.clone().oneshot(request.expect("a request")).await.expect("an answer");
            (answer.status().as_u16(), answer.headers()["etag"].to_str().expect("a tag").to_owned())
        };
        let (_, tag) = read("").await;
        assert_eq!(read(&tag).await, (304, tag.clone()));
        world.cancel(bill(100, 1)).await;
        let (status, now) = read(&tag).await;
        assert!(status == 200 && now != tag, "{status}, {now}");
    });
}
