//! Requests that are rejected: by the rules of orders and refunds, by payment, and by their form.

use anyhow::Result;
use pizza_tests::{People, SOON};
use serde_json::json;
use testkit::{Fleet, Simulator, eventually};

pub async fn what_cannot_be_ordered_or_refunded_is_rejected_and_the_field_is_named(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.order(1).await?.must_be(201)?;
    let long = "x".repeat(501);
    for (path, body, status, field) in [
        ("/orders", json!({ "qty": 1 }), 422, "pizzaId"),
        ("/orders", json!({ "pizzaId": 10 }), 422, "qty"),
        ("/orders", json!({ "pizzaId": 10, "qty": 0 }), 422, "qty"),
        ("/orders", json!({ "pizzaId": 10, "qty": 100 }), 422, "qty"),
        ("/orders", json!({ "pizzaId": 10, "qty": 1.5 }), 422, "qty"),
        ("/orders", json!({ "pizzaId": 0, "qty": 1 }), 422, "pizzaId"),
        ("/orders", json!({ "pizzaId": 11, "qty": 1 }), 404, "pizza 11"),
        ("/orders", json!({ "id": 0, "pizzaId": 10, "qty": 1 }), 422, "id"),
        ("/orders", json!({ "id": 1, "pizzaId": 20, "qty": 1 }), 409, ""),
        ("/orders", json!({ "id": 1, "pizzaId": 10, "qty": 2 }), 409, ""),
        ("/refunds", json!({ "reason": "delivery error" }), 422, "orderId"),
        ("/refunds", json!({ "orderId": 1 }), 422, "reason"),
        ("/refunds", json!({ "orderId": 1, "reason": "" }), 422, "reason"),
        ("/refunds", json!({ "orderId": 1, "reason": "  " }), 422, "reason"),
        ("/refunds", json!({ "orderId": 1, "reason": long }), 422, "reason"),
        ("/refunds", json!({ "orderId": 7, "reason": "delivery error" }), 404, "7"),
    ] {
        people.api.post(path, &body).await?.must_be_problem(status, field)?;
    }
    people.delivery_becomes(1, "started").await?;
    people.refund(1).await?.must_be_problem(409, "not delivered")?;
    for (status, expected) in [("returned", 409), ("refunded", 409), ("canceled", 409), ("started", 200), ("lost", 422)]
    {
        let answer = people.report(1, status).await?;
        if expected == 409 {
            answer.must_be_problem(409, "started")?
        } else {
            answer.must_be(expected)?
        };
    }
    let patch = people.api.with("PATCH".parse()?, "/orders/1", &json!({ "status": "delivered" })).await?;
    patch.must_be_problem(422, "status")?;
    people.api.get("/coupons?orderId=x").await?.must_be_problem(400, "orderId")?;
    people.api.get("/deliveries?deliveryStatus=lost").await?.must_be_problem(400, "deliveryStatus")?;
    for path in ["/approvals", "/cancellations", "/returns", "/withdrawals"] {
        people.api.post(path, &json!({})).await?.must_be_problem(404, "")?;
    }
    // Digits are numbers, and a reason of the greatest length is carried by the events.
    people.api.post("/orders", &json!({ "id": "2", "pizzaId": "30", "qty": "99" })).await?.must_be(201)?;
    eventually(SOON, "it is delivered", async || people.deliver(2).await?.must_be(200)).await?;
    let reason = "é".repeat(500);
    people.api.post("/refunds", &json!({ "orderId": "2", "reason": reason })).await?.must_be(201)?;
    people.shows("/statusviews/2", &[("reason", &reason), ("couponStatus", "couponRefunded")]).await?;
    people.assert_laws(fleet).await
}

pub async fn a_declined_order_is_neither_paid_nor_delivered(fleet: &mut Fleet) -> Result<()> {
    let provider = Simulator::of(fleet, "payment")?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    provider.becomes(fleet, &json!({ "declineRate": 1.0 })).await?;
    people.order(1).await?.must_be_problem(402, "")?;
    people.api.get("/orders/1").await?.must_be(404)?;
    provider.approves_at_once(fleet).await?;
    assert_eq!(people.all("/payments").await?.len(), 0, "nothing is paid");
    people.assert_laws(fleet).await?;
    people.order(1).await?.must_be(201)?;
    people.delivery_becomes(1, "started").await?;
    people.assert_laws(fleet).await
}
