//! The story of one order.

use anyhow::{Context as _, Result, ensure};
use pizza_tests::{People, SOON};
use serde_json::json;
use testkit::{Fleet, eventually};

pub async fn a_pizza_is_ordered_delivered_refunded_and_returned(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    let pizzas = people.api.get("/pizzas").await?.must_be(200)?.body;
    let pizza = pizzas["_embedded"]["pizzas"].as_array().context("a list")?.iter().find(|pizza| pizza["id"] == 10);
    let price = pizza.context("kind 10")?["price"].as_i64().context("its price")?;

    let ordered = people.order(1).await?.must_be(201)?;
    assert_eq!((&ordered.body["price"], &ordered.body["qty"]), (&json!(price), &json!(1)));
    people.order(1).await?.must_be(200)?;
    people.order_becomes(1, "deliveryStarted").await?;
    people.shows("/payments/1", &[("paymentAction", "Approved")]).await?;
    people.refund(1).await?.must_be_problem(409, "")?;

    people.deliver(1).await?.must_be(200)?;
    people.deliver(1).await?.must_be(200)?;
    people.order_becomes(1, "delivered").await?;
    people.coupon_becomes(1, "published").await?;
    people.cancel(1).await?.must_be_problem(409, "/refunds")?;
    let coupons = people.api.get("/coupons?orderId=1").await?.must_be(200)?.body;
    assert_eq!(coupons["_embedded"]["coupons"][0]["couponStatus"], "published");

    let refunded = people.refund(1).await?.must_be(201)?;
    assert_eq!(
        (&refunded.body["refundStatus"], &refunded.body["reason"]),
        (&json!("refunded"), &json!("delivery error"))
    );
    people.refund(1).await?.must_be_problem(409, "already refunded")?;
    people.order_becomes(1, "refunded").await?;
    people.coupon_becomes(1, "couponRefunded").await?;
    people.shows("/payments/1", &[("paymentAction", "Approved")]).await?;

    people.report(1, "returned").await?.must_be(200)?;
    people.refund_becomes(1, "returned").await?;
    people.shows("/payments/1", &[("paymentAction", "Canceled")]).await?;
    people.refund(1).await?.must_be_problem(409, "already refunded")?;
    let view = [
        ("orderStatus", "refunded"),
        ("paymentStatus", "canceled"),
        ("deliveryStatus", "returned"),
        ("couponStatus", "couponRefunded"),
        ("refundStatus", "returned"),
        ("reason", "delivery error"),
    ];
    people.shows("/statusviews/1", &view).await?;
    // The other spelling of the path is accepted.
    people.shows("/statusViews/1", &view).await?;
    let steps = people.api.get("/statusviews/1").await?.body["steps"].clone();
    for step in ["ordered", "paymentApproved", "delivered", "refunded", "refundCompleted", "paymentCanceled"] {
        ensure!(steps[step].is_string(), "{step} is not among {steps}");
    }
    people.assert_laws(fleet).await
}

pub async fn a_cancelled_refund_is_followed_by_a_second_one(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.order_and_deliver(1).await?;
    people.coupon_becomes(1, "published").await?;
    let mut live = people.api.follow("/statusviews/1/events", None).await?;
    live.next(SOON).await?.context("the stream begins with the view as it is")?;
    people.refund(1).await?.must_be(201)?;
    live.next(SOON).await?.context("the stream goes on")?;
    people.coupon_becomes(1, "couponRefunded").await?;
    people.report(1, "refundCanceled").await?.must_be(200)?;
    people.refund_becomes(1, "refundCanceled").await?;
    people.coupon_becomes(1, "published").await?;
    people.order_becomes(1, "delivered").await?;
    people.shows("/payments/1", &[("paymentAction", "Approved")]).await?;
    people.assert_laws(fleet).await?;

    people.refund(1).await?.must_be(201)?;
    people.coupon_becomes(1, "couponRefunded").await?;
    people.order_becomes(1, "refunded").await?;
    people.shows("/statusviews/1", &[("refundStatus", "refunded"), ("deliveryStatus", "refunded")]).await?;
    people.report(1, "returned").await?.must_be(200)?;
    people.shows("/payments/1", &[("paymentAction", "Canceled")]).await?;
    people.refund_becomes(1, "returned").await?;
    people.assert_laws(fleet).await
}

pub async fn an_order_is_cancelled_before_it_is_delivered(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.order(1).await?.must_be(201)?;
    people.delivery_becomes(1, "started").await?;
    people.cancel(1).await?.must_be(200)?;
    people.cancel(1).await?.must_be(200)?;
    people.delivery_becomes(1, "canceled").await?;
    people.shows("/payments/1", &[("paymentAction", "Canceled")]).await?;
    people.deliver(1).await?.must_be_problem(409, "canceled")?;
    people.refund(1).await?.must_be_problem(409, "")?;
    people.order_becomes(1, "canceled").await?;
    let view = [("orderStatus", "canceled"), ("deliveryStatus", "canceled"), ("couponStatus", "none")];
    people.shows("/statusviews/1", &view).await?;
    eventually(SOON, "the order shows that it is paid back", async || {
        let order = people.api.get("/orders/1").await?.must_be(200)?.body;
        ensure!(order["paymentStatus"] == "canceled", "{order}");
        Ok(())
    })
    .await?;
    people.assert_laws(fleet).await
}
