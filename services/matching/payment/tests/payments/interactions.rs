//! The contexts that request payments get the responses that they understand: `interactions/payment.json` in their folders.

use std::path::Path;
use std::sync::Mutex;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use contracts::{Interaction, Interactions, verdict};
use payment::{ApprovalOutcome, Bill, ChargeError};
use serde_json::Value;
use test_stores::on_each_store;
use tower::ServiceExt;

use crate::World;

/// Brings about the state that an interaction requires.
async fn set_up(world: &World, given: &str, bill: Bill) {
    match given {
        "the provider takes the money" => {}
        "the provider declines" => fail_next(world, ChargeError::Declined("the card is blocked".to_owned())),
        "the provider fails" => fail_next(world, ChargeError::Failed),
        "this attempt is paid" => assert_eq!(world.approve(bill).await, ApprovalOutcome::Approved),
        "this attempt is cancelled" => world.cancel(bill).await,
        "the store is lost" => world.store.writer().close().await,
        other => panic!("no setup is known for: {other}"),
    }
}

fn fail_next(world: &World, failure: ChargeError) {
    world.provider.charges.lock().unwrap().push_back(failure);
}

async fn answer(world: &World, interaction: &Interaction) -> (u16, Value) {
    let asked = &interaction.request;
    let number = |name: &str| asked.body[name].as_i64().unwrap();
    let bill = Bill { key: number("matchId"), attempt: number("attempt"), price: number("price") };
    set_up(world, &interaction.given, bill).await;
    let request = Request::builder().method(asked.method.as_str()).uri(&asked.path);
    let request = request.header("content-type", "application/json").body(Body::from(asked.body.to_string())).unwrap();
    let service = chassis::router(world.routes(), &world.host, &chassis::Config::default());
    let answer = service.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 1 << 16).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[test]
fn each_response_is_one_that_its_caller_understands() {
    let fleet = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let all = Interactions::all(&fleet, "payment").unwrap();
    assert!(!all.is_empty(), "a context calls payment");
    let unkept = Mutex::new(Vec::new());
    for Interactions { principal, interactions, .. } in &all {
        for interaction in interactions {
            on_each_store(async |place| {
                let (status, body) = answer(&World::on(place).await, interaction).await;
                unkept.lock().unwrap().extend(interaction.violations(principal, "payment", status, &body));
            });
        }
    }
    let unkept = unkept.into_inner().unwrap();
    verdict("payment does not answer as it is understood:", &unkept).unwrap_or_else(|wrong| panic!("{wrong}"));
}
