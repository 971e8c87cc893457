//! The refunds that are due are executed.

use std::ops::RangeInclusive;
use std::time::Duration;

use payment::start_refunds;
use test_stores::{eventually, on_each_store};

use crate::{World, bill};

async fn nothing_held_but(world: &World, held: &[(i64, i64)]) {
    let what = format!("the provider holds the money of {held:?} alone");
    eventually(&what, async || world.provider.holds.lock().unwrap().iter().eq(held)).await;
}

#[test]
fn what_is_cancelled_is_paid_back_and_what_is_not_is_kept() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        start_refunds(world.payments.refunds(), world.provider.clone(), &world.host);
        for match_id in 1..=3 {
            world.approve(bill(match_id, 1)).await;
        }
        world.cancel(bill(1, 1)).await;
        world.cancel(bill(3, 1)).await;
        nothing_held_but(&world, &[(2, 1)]).await;
        eventually("nothing is due", async || world.due().await.is_empty()).await;
        world.host.stopping().cancel();
    });
}

#[test]
fn a_charge_that_arrives_after_the_refund_keeps_no_money() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        start_refunds(world.payments.refunds(), world.provider.clone(), &world.host);
        world.cancel(bill(1, 1)).await;
        eventually("the bill is closed", async || world.due().await.is_empty()).await;
        world.approve(bill(1, 1)).await;
        nothing_held_but(&world, &[]).await;
        world.host.stopping().cancel();
    });
}

#[test]
fn a_refund_that_fails_is_tried_again_and_holds_up_no_other() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.provider.not_refundable.lock().unwrap().insert((1, 1));
        for match_id in 1..=3 {
            world.approve(bill(match_id, 1)).await;
            world.cancel(bill(match_id, 1)).await;
        }
        start_refunds(world.payments.refunds(), world.provider.clone(), &world.host);
        nothing_held_but(&world, &[(1, 1)]).await;
        eventually("it alone is due", async || world.due().await == [bill(1, 1)]).await;
        world.provider.not_refundable.lock().unwrap().clear();
        // It is tried again without being woken.
        nothing_held_but(&world, &[]).await;
        world.host.stopping().cancel();
    });
}

/// The provider holds the money of these matches and is to give it back.
async fn all_due(world: &World, match_ids: RangeInclusive<i64>) {
    let rows = match_ids.clone().map(|id| format!("({id}, 1, 10)")).collect::<Vec<_>>().join(", ");
    let sql = format!("INSERT INTO refunds_due (match_id, attempt, price) VALUES {rows}");
    world.provider.holds.lock().unwrap().extend(match_ids.map(|id| (id, 1)));
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(world.store.writer()).await.unwrap();
}

#[test]
fn as_many_refunds_as_fail_hold_up_no_other() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        all_due(&world, 1..=201).await;
        let not_refundable: Vec<(i64, i64)> = (1..=200).map(|match_id| (match_id, 1)).collect();
        world.provider.not_refundable.lock().unwrap().extend(&not_refundable);
        start_refunds(world.payments.refunds(), world.provider.clone(), &world.host);
        nothing_held_but(&world, &not_refundable).await;
        world.host.stopping().cancel();
    });
}

#[test]
fn a_thousand_refunds_are_worked_off() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        all_due(&world, 1..=1_000).await;
        start_refunds(world.payments.refunds(), world.provider.clone(), &world.host);
        eventually("nothing is due", async || world.due().await.is_empty()).await;
        nothing_held_but(&world, &[]).await;
        assert_eq!(*world.provider.refunds.lock().unwrap(), 1_000, "each once");
        world.host.stopping().cancel();
    });
}

#[test]
fn a_cancellation_and_a_rejected_approval_wake_the_refunds() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let woken =
            async || tokio::time::timeout(Duration::from_millis(100), world.payments.refunds().woken()).await.is_ok();
        world.cancel(bill(1, 1)).await;
        assert!(woken().await);
        assert!(!woken().await);
        world.approve(bill(1, 1)).await;
        assert!(woken().await);
    });
}
