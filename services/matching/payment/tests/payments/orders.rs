//! Approvals and cancellations in all orders, one after the other and at the same time.

use futures_util::future::join_all;
use payment_domain::{Refusal, State};
use payment_service::{Asked, ChargeError};
use test_stores::on_each_store;
use test_stores::random::{cases, deliveries};

use crate::{World, approved, bill, canceled};

async fn state(world: &World, match_id: i64) -> Option<State> {
    world.app.find(match_id).await.unwrap().map(|payment| payment.state)
}

#[test]
fn a_bill_is_approved_and_said_once_however_often_it_is_asked_for() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let another = world.another(place).await;
        let worlds = [&world, &another];
        let outcomes = join_all((0..20).map(|n| worlds[n % 2].approve(bill(1, 1)))).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Asked::Approved), "{outcomes:?}");
        assert_eq!((world.said(1).await, world.due().await), (vec![approved(bill(1, 1))], vec![]));
    });
}

#[test]
fn a_cancelled_bill_is_paid_back_once_however_often_it_is_cancelled() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let another = world.another(place).await;
        world.approve(bill(1, 1)).await;
        let worlds = [&world, &another];
        join_all((0..20).map(|n| worlds[n % 2].cancel(bill(1, 1)))).await;
        assert_eq!(state(&world, 1).await, Some(State::Canceled));
        assert_eq!(world.said(1).await, [approved(bill(1, 1)), canceled(bill(1, 1))]);
        assert_eq!(world.due().await, [bill(1, 1)]);
    });
}

#[test]
fn an_approval_that_comes_after_its_cancellation_is_refused_and_its_money_is_owed() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.cancel(bill(1, 1)).await;
        world.payments.refunded(&[bill(1, 1)]).await.unwrap();
        assert_eq!(state(&world, 1).await, None, "nobody sees a payment that never was");
        assert_eq!(world.approve(bill(1, 1)).await, Asked::Refused(Refusal::Canceled));
        assert_eq!((state(&world, 1).await, world.said(1).await), (None, vec![]));
        assert_eq!(world.due().await, [bill(1, 1)]);
    });
}

#[test]
fn a_later_attempt_is_paid_once_the_earlier_one_is_undone() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.approve(bill(1, 1)).await;
        assert_eq!(world.approve(bill(1, 2)).await, Asked::Refused(Refusal::OtherAttempt));
        assert_eq!(world.due().await, [bill(1, 2)], "what the provider took for it is owed");
        world.cancel(bill(1, 1)).await;
        assert_eq!(world.approve(bill(1, 3)).await, Asked::Approved);
        let expected = [approved(bill(1, 1)), canceled(bill(1, 1)), approved(bill(1, 3))];
        assert_eq!(world.said(1).await, expected);
        world.cancel(bill(1, 1)).await;
        assert_eq!(state(&world, 1).await, Some(State::Approved), "the past cannot cancel the present");
    });
}

#[test]
fn a_bill_that_is_declined_or_fails_leaves_nothing_behind() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let failures = [ChargeError::Declined("no money".into()), ChargeError::Failed];
        world.till.charges.lock().unwrap().extend(failures);
        assert_eq!(world.approve(bill(1, 1)).await, Asked::Declined("no money".into()));
        assert_eq!(world.approve(bill(1, 1)).await, Asked::Unknown);
        assert_eq!((state(&world, 1).await, world.said(1).await, world.due().await), (None, vec![], vec![]));
        world.approve(bill(1, 1)).await;
        world.till.charges.lock().unwrap().push_back(ChargeError::Declined("too often".into()));
        assert_eq!(world.approve(bill(1, 1)).await, Asked::Approved, "what is taken is not declined afterwards");
    });
}

#[test]
fn an_attempt_that_is_cancelled_ends_without_money_in_every_order_of_what_comes() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (match_id, batches) in (1..).zip(cases(40, deliveries(vec!["approve", "approve", "cancel"]))) {
            let bill = bill(match_id, 1);
            for what in batches.iter().flatten() {
                if *what == "approve" { drop(world.approve(bill).await) } else { world.cancel(bill).await }
            }
            let said = world.said(match_id).await;
            assert!(said.is_empty() || said == [approved(bill), canceled(bill)], "{batches:?}: {said:?}");
            let expected = (!said.is_empty()).then_some(State::Canceled);
            assert_eq!(state(&world, match_id).await, expected, "{batches:?}");
            assert!(world.due().await.contains(&bill), "{batches:?}");
        }
    });
}

#[test]
fn an_attempt_that_is_cancelled_ends_without_money_though_all_comes_at_the_same_time() {
    on_each_store(async |place| {
        let one = World::on(place).await;
        let worlds = [one.another(place).await, one];
        for match_id in 1..=40 {
            let bill = bill(match_id, 1);
            let asked = (0..4_usize).map(|n| {
                let world = worlds[n % 2].clone();
                let cancels = (n + usize::try_from(match_id).unwrap()) % 4 == 0;
                tokio::spawn(
                    async move { if cancels { world.cancel(bill).await } else { drop(world.approve(bill).await) } },
                )
            });
            for task in asked.collect::<Vec<_>>() {
                task.await.unwrap();
            }
            let said = worlds[0].said(match_id).await;
            assert!(said.is_empty() || said == [approved(bill), canceled(bill)], "{said:?}");
            assert_ne!(state(&worlds[0], match_id).await, Some(State::Approved));
            assert!(worlds[0].due().await.contains(&bill));
        }
    });
}
