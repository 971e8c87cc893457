//! Approvals and cancellations in all orders, one after the other and at the same time.

use futures_util::future::join_all;
use payment::{ApprovalOutcome, ApproveError, ChargeError, EarlierAttemptApproved, State};
use test_stores::on_each_store;
use test_stores::random::{cases, deliveries};

use crate::{World, approved, bill, canceled};

#[test]
fn a_bill_is_approved_and_published_once_however_often_it_is_requested() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let another = world.another(place).await;
        let worlds = [&world, &another];
        let outcomes = join_all((0..20).map(|n| worlds[n % 2].approve(bill(1, 1)))).await;
        assert!(outcomes.iter().all(|outcome| *outcome == ApprovalOutcome::Approved), "{outcomes:?}");
        assert_eq!((world.staged(1).await, world.due().await), (vec![approved(bill(1, 1))], vec![]));
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
        assert_eq!(world.state(1).await, Some(State::Canceled));
        assert_eq!(world.staged(1).await, [approved(bill(1, 1)), canceled(bill(1, 1))]);
        assert_eq!(world.due().await, [bill(1, 1)]);
    });
}

#[test]
fn an_approval_that_comes_after_its_cancellation_is_rejected_and_its_refund_is_due() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.cancel(bill(1, 1)).await;
        world.forget_refunds().await;
        assert_eq!(world.state(1).await, None, "a void payment is not visible");
        assert_eq!(world.approve(bill(1, 1)).await, ApprovalOutcome::Rejected(ApproveError::Canceled));
        assert_eq!((world.state(1).await, world.staged(1).await), (None, vec![]));
        assert_eq!(world.due().await, [bill(1, 1)]);
    });
}

#[test]
fn a_later_attempt_is_paid_once_the_earlier_one_is_undone() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.approve(bill(1, 1)).await;
        assert_eq!(world.approve(bill(1, 2)).await, ApprovalOutcome::Rejected(ApproveError::OtherAttempt));
        assert_eq!(world.due().await, [bill(1, 2)], "the provider has taken its money");
        world.cancel(bill(1, 1)).await;
        assert_eq!(world.approve(bill(1, 3)).await, ApprovalOutcome::Approved);
        let expected = [approved(bill(1, 1)), canceled(bill(1, 1)), approved(bill(1, 3))];
        assert_eq!(world.staged(1).await, expected);
        world.cancel(bill(1, 1)).await;
        assert_eq!(world.state(1).await, Some(State::Approved), "an earlier attempt does not cancel a later one");
    });
}

/// The cancellation of the earlier attempt may be an event on its way. Without a mark of the later one, an approval that
/// its cancellation overtook would be approved after it.
#[test]
fn the_cancellation_of_a_later_attempt_waits_for_that_of_the_earlier_one() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.approve(bill(1, 1)).await;
        assert_eq!(world.try_cancel(bill(1, 2)).await, Err(EarlierAttemptApproved));
        assert_eq!(world.state(1).await, Some(State::Approved));
        world.cancel(bill(1, 1)).await;
        assert_eq!(world.try_cancel(bill(1, 2)).await, Ok(()));
        assert_eq!(world.approve(bill(1, 2)).await, ApprovalOutcome::Rejected(ApproveError::Canceled));
        assert_eq!(world.staged(1).await, [approved(bill(1, 1)), canceled(bill(1, 1))]);
    });
}

#[test]
fn a_bill_that_is_declined_or_fails_leaves_nothing_behind() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let failures = [ChargeError::Declined("no money".into()), ChargeError::Failed];
        world.provider.charges.lock().unwrap().extend(failures);
        assert_eq!(world.approve(bill(1, 1)).await, ApprovalOutcome::Declined("no money".into()));
        assert_eq!(world.approve(bill(1, 1)).await, ApprovalOutcome::Unknown);
        assert_eq!((world.state(1).await, world.staged(1).await, world.due().await), (None, vec![], vec![]));
        world.approve(bill(1, 1)).await;
        world.provider.charges.lock().unwrap().push_back(ChargeError::Declined("too often".into()));
        assert_eq!(world.approve(bill(1, 1)).await, ApprovalOutcome::Approved, "a bill that is paid is not declined");
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
            let staged = world.staged(match_id).await;
            assert!(staged.is_empty() || staged == [approved(bill), canceled(bill)], "{batches:?}: {staged:?}");
            let expected = (!staged.is_empty()).then_some(State::Canceled);
            assert_eq!(world.state(match_id).await, expected, "{batches:?}");
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
            let requests = (0..4_usize).map(|n| {
                let world = worlds[n % 2].clone();
                let cancels = (n + usize::try_from(match_id).unwrap()) % 4 == 0;
                tokio::spawn(
                    async move { if cancels { world.cancel(bill).await } else { drop(world.approve(bill).await) } },
                )
            });
            for task in requests.collect::<Vec<_>>() {
                task.await.unwrap();
            }
            let staged = worlds[0].staged(match_id).await;
            assert!(staged.is_empty() || staged == [approved(bill), canceled(bill)], "{staged:?}");
            assert_ne!(worlds[0].state(match_id).await, Some(State::Approved));
            assert!(worlds[0].due().await.contains(&bill));
        }
    });
}
