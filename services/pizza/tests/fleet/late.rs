//! Events that arrive late, or again.

use anyhow::Result;
use pizza_tests::{LATER, People};
use testkit::{Fleet, ProxyState};

/// Both the customer and the courier are told that it succeeded: the order does not know yet that the pizza has arrived.
pub async fn an_order_that_is_cancelled_while_it_is_handed_over_is_paid_back_and_has_no_coupon(
    fleet: &mut Fleet,
) -> Result<()> {
    // Without the broker, order neither publishes its cancellations nor learns of deliveries.
    let link = fleet.broker_wire("order").await?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.order(1).await?.must_be(201)?;
    people.delivery_becomes(1, "started").await?;
    link.set(ProxyState::Cut);
    people.cancel(1).await?.must_be(200)?;
    people.deliver(1).await?.must_be(200)?;
    link.set(ProxyState::Open);
    people.shows("/payments/1", &[("paymentAction", "Canceled")]).await?;
    people.order_becomes(1, "canceled").await?;
    people.delivery_becomes(1, "Finished").await?;
    people.coupon_becomes(1, "couponRefunded").await?;
    people.refund(1).await?.must_be_problem(409, "cancelled")?;
    let view = [("orderStatus", "canceled"), ("deliveryStatus", "Finished"), ("paymentStatus", "canceled")];
    people.shows("/statusviews/1", &view).await?;
    people.assert_laws(fleet).await
}

/// All events of an order whose first refund was cancelled, again and in the opposite order.
pub async fn events_that_are_delivered_again_in_the_opposite_order_change_nothing(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.order_and_deliver(1).await?;
    people.coupon_becomes(1, "published").await?;
    people.refund(1).await?.must_be(201)?;
    people.report(1, "refundCanceled").await?.must_be(200)?;
    people.refund_becomes(1, "refundCanceled").await?;
    people.refund(1).await?.must_be(201)?;
    people.coupon_becomes(1, "couponRefunded").await?;
    people.order_becomes(1, "refunded").await?;
    let topics = fleet.topics();
    for context in ["order", "payment", "delivery", "refund", "coupon"] {
        let mut again = topics.events(context).await?;
        again.reverse();
        topics.say(context, &again).await?;
    }
    fleet.settled(LATER).await?;
    people.coupon_becomes(1, "couponRefunded").await?;
    people.order_becomes(1, "refunded").await?;
    people.delivery_becomes(1, "refunded").await?;
    people.refund_becomes(1, "refunded").await?;
    people.shows("/payments/1", &[("paymentAction", "Approved")]).await?;
    people.assert_laws(fleet).await
}
