//! Roles and ownership, with authentication.

use anyhow::{Context as _, Result, ensure};
use pizza_tests::{LATER, People, SOON};
use serde_json::json;
use testkit::{Api, Fleet, eventually};

/// The statuses of these paths.
async fn statuses<const N: usize>(api: &Api, paths: &[&str; N]) -> Result<[u16; N]> {
    let mut statuses = [0; N];
    for (status, path) in statuses.iter_mut().zip(paths) {
        *status = api.get(path).await?.status;
    }
    Ok(statuses)
}

pub async fn a_customer_sees_its_own_a_courier_delivers_and_an_operator_sees_all(fleet: &mut Fleet) -> Result<()> {
    fleet.require_identity()?;
    fleet.start_all().await?;
    let people = [("operator", "olga"), ("customer", "kim"), ("customer", "lee"), ("courier", "mia")]
        .map(|(role, name)| fleet.gateway_as(role, name).map(People::with));
    let [olga, kim, lee, mia] = people;
    let (olga, kim, lee, mia) = (olga?, kim?, lee?, mia?);
    People::of(fleet)?.order(1).await?.must_be(401)?;
    olga.order(1).await?.must_be(403)?;
    mia.order(1).await?.must_be(403)?;
    kim.order(1).await?.must_be(201)?;
    lee.order(2).await?.must_be(201)?;
    lee.order(1).await?.must_be_problem(409, "id")?;
    lee.cancel(1).await?.must_be(404)?;
    olga.cancel(1).await?.must_be(403)?;
    mia.delivery_becomes(1, "started").await?;
    for other in [&kim, &olga] {
        other.deliver(1).await?.must_be(403)?;
    }
    mia.deliver(1).await?.must_be(200)?;
    kim.coupon_becomes(1, "published").await?;

    // Of an order of somebody else there is no refund, and no hint that it exists.
    lee.refund(1).await?.must_be_problem(404, "there is no order 1")?;
    mia.refund(1).await?.must_be(403)?;
    kim.refund(1).await?.must_be(201)?;
    lee.refund(1).await?.must_be(409)?;
    eventually(LATER, "the view shows the refund", async || {
        let view = kim.field("/statusviews/1", "refundStatus").await?;
        ensure!(view == "refunded", "{view}");
        Ok(())
    })
    .await?;
    let paths = ["/orders/1", "/statusviews/1", "/coupons/1", "/refunds/1", "/deliveries/1", "/payments/1", "/pizzas"];
    for (who, expected) in [
        (&kim, [200, 200, 200, 200, 403, 403, 200]),
        (&lee, [404, 404, 404, 404, 403, 403, 200]),
        (&mia, [403, 403, 403, 403, 200, 403, 403]),
        (&olga, [200, 200, 200, 200, 200, 200, 200]),
    ] {
        assert_eq!(statuses(&who.api, &paths).await?, expected);
    }
    for path in ["/orders", "/statusviews"] {
        let of = async |people: &People| Ok::<_, anyhow::Error>(people.all(path).await?.len());
        assert_eq!((of(&kim).await?, of(&lee).await?, of(&olga).await?), (1, 1, 2), "{path}");
    }
    assert_eq!((kim.all("/refunds").await?.len(), lee.all("/refunds").await?.len()), (1, 0));
    let mut live = kim.api.follow("/statusviews/1/events", None).await?;
    live.next(SOON).await?.context("the stream of kim")?;
    ensure!(lee.api.follow("/statusviews/1/events", None).await.is_err(), "lee follows the view of kim");

    mia.report(1, "refundCanceled").await?.must_be(200)?;
    kim.refund_becomes(1, "refundCanceled").await?;
    lee.refund(1).await?.must_be(409)?;
    kim.refund(1).await?.must_be(201)?;
    mia.report(1, "returned").await?.must_be(200)?;
    kim.refund_becomes(1, "returned").await?;
    olga.shows("/payments/1", &[("paymentAction", "Canceled")]).await?;
    kim.assert_laws(fleet).await
}

pub async fn whoever_reaches_a_service_past_the_gateway_finds_it_closed(fleet: &mut Fleet) -> Result<()> {
    fleet.require_identity()?;
    fleet.start_all().await?;
    let kim = People::with(fleet.gateway_as("customer", "kim")?);
    kim.order(1).await?.must_be(201)?;
    for (service, path) in [
        ("order", "/orders/1"),
        ("order", "/pizzas"),
        ("payment", "/payments"),
        ("delivery", "/deliveries"),
        ("statusview", "/statusviews"),
        ("coupon", "/coupons"),
        ("refund", "/refunds"),
    ] {
        let direct = fleet.api(service)?;
        direct.get(path).await?.must_be(401)?;
        direct.with_token(&fleet.token("operator", "olga")?)?.get(path).await?.must_be(401)?;
    }
    let bodies = [
        ("payment", "/approvals", json!({ "orderId": 2, "attempt": 1, "price": 1 })),
        ("payment", "/cancellations", json!({ "orderId": 1, "attempt": 1, "price": 1 })),
        ("delivery", "/returns", json!({ "orderId": 1, "refund": 1 })),
        ("delivery", "/withdrawals", json!({ "orderId": 1, "refund": 1 })),
    ];
    for (service, path, body) in &bodies {
        fleet.api(service)?.post(path, body).await?.must_be(401)?;
        for role in ["customer", "courier", "operator"] {
            fleet.api_as(service, role, "kim")?.post(path, body).await?.must_be(403)?;
        }
    }
    kim.assert_laws(fleet).await
}
