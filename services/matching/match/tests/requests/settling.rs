//! What becomes of attempts whose outcome nobody knows.

use std::collections::BTreeSet;
use std::time::Duration;

use context::saga::Reply;
use match_domain::{Match, MatchAttempt};
use store::Dialect;
use test_stores::{eventually, on_each_store};

use crate::{COMPENSATE_AFTER, NOW, RequestOutcome, World, event, first, price, requested};

/// How long an attempt that was taken over is left alone.
const LEASE: Duration = Duration::from_secs(2);

async fn settle(world: &World) -> usize {
    world.saga.recover_due().await.unwrap()
}

#[test]
fn an_unknown_outcome_is_undone_and_the_id_is_free_again_with_a_greater_attempt() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.payments.answer([Reply::Unknown]);
        world.request(1, 10).await;
        assert_eq!(settle(&world).await, 1);
        assert_eq!(world.payments.canceled(), [first(1, 10)]);
        assert_eq!(world.find(1).await, Some(Match::Void(first(1, 10))));
        assert_eq!(settle(&world).await, 0, "once");
        // Although the clock has not moved, and at another price.
        let second = MatchAttempt { number: first(1, 20).number + 1, ..first(1, 20) };
        assert_eq!(world.request(1, 20).await, RequestOutcome::Established(requested(second.clone())));
        assert_eq!(world.said().await, [event(&second)], "the first attempt is never said");
    });
}

#[test]
fn a_match_that_the_store_does_not_establish_is_undone_and_the_student_is_told_so() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let refuse = match world.store.dialect() {
            Dialect::Postgres => "ALTER TABLE matches ADD CONSTRAINT refusal CHECK (phase <> 'established')",
            Dialect::Sqlite => {
                "CREATE TRIGGER refusal BEFORE UPDATE ON matches WHEN NEW.phase = 'established' \
                 BEGIN SELECT RAISE(ABORT, 'refused'); END"
            }
        };
        sqlx::raw_sql(refuse).execute(world.store.writer()).await.unwrap();
        world.payments.answer([Reply::Done]);
        assert!(matches!(world.request(1, 10).await, RequestOutcome::Unavailable(_)));
        assert_eq!(settle(&world).await, 1);
        assert_eq!(world.payments.canceled(), [first(1, 10)]);
        assert_eq!(world.said().await, []);
    });
}

#[test]
fn an_attempt_whose_process_died_is_undone_when_its_time_is_over_and_not_before() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.payments.open.send_replace(false);
        let dying = world.requesting(1, 10);
        eventually("payment is asked", async || world.payments.asked().len() == 1).await;
        dying.abort();
        let _ = dying.await;
        // The next start of the process, or another replica.
        let next = world.another(place).await;
        let nearly = Duration::from_micros(2_999_999);
        next.clock.advance(nearly);
        assert_eq!(settle(&next).await, 0);
        next.clock.advance(COMPENSATE_AFTER.saturating_sub(nearly));
        assert_eq!(settle(&next).await, 1);
        assert_eq!(world.payments.canceled(), [first(1, 10)]);
        assert_eq!(next.shown(1).await, None);
    });
}

#[test]
fn a_request_that_finishes_after_the_recovery_took_it_over_establishes_nothing() {
    on_each_store(async |place| {
        for voided in [true, false] {
            let world = World::on(place).await;
            let number = 1 + i64::from(voided);
            world.payments.open.send_replace(false);
            let late = world.requesting(number, 10);
            eventually("payment is asked", async || world.payments.asked().len() == 1).await;
            world.clock.advance(COMPENSATE_AFTER);
            *world.payments.unconfirmed.lock().unwrap() = usize::from(!voided);
            assert_eq!(settle(&world).await, usize::from(voided));
            world.payments.open.send_replace(true);
            assert!(matches!(late.await.unwrap(), RequestOutcome::Unavailable(_)));
            assert_eq!(world.shown(number).await, None, "voided: {voided}");
            assert_eq!(world.said().await, []);
        }
    });
}

#[test]
fn a_late_approval_does_not_touch_a_later_attempt_at_the_same_id() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.payments.open.send_replace(false);
        let late = world.requesting(1, 10);
        eventually("payment is asked", async || world.payments.asked().len() == 1).await;
        world.clock.advance(COMPENSATE_AFTER);
        assert_eq!(settle(&world).await, 1);
        let second = world.requesting(1, 20);
        eventually("payment is asked again", async || world.payments.asked().len() == 2).await;
        // The answers come in the order in which they are waited for, or the other way round: it must not matter.
        world.payments.open.send_replace(true);
        assert!(matches!(late.await.unwrap(), RequestOutcome::Unavailable(_)));
        let RequestOutcome::Established(established) = second.await.unwrap() else { panic!("not established") };
        assert_eq!((established.attempt.price, world.said().await), (price(20), vec![event(&established.attempt)]));
    });
}

#[test]
fn a_payment_that_cannot_be_cancelled_now_is_cancelled_later() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.payments.answer([Reply::Unknown]);
        world.request(1, 10).await;
        *world.payments.unconfirmed.lock().unwrap() = 2;
        for _ in 0..2 {
            assert_eq!(settle(&world).await, 0);
            assert_eq!(settle(&world).await, 0, "it is left alone for a while");
            world.clock.advance(LEASE);
        }
        assert_eq!(world.payments.canceled().len(), 2);
        assert!(matches!(world.find(1).await, Some(Match::Compensating(_))));
        assert_eq!(settle(&world).await, 1);
        assert!(matches!(world.find(1).await, Some(Match::Void(_))));
    });
}

#[test]
fn two_recoveries_at_once_undo_hundreds_of_attempts_each_once() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let another = world.another(place).await;
        for number in 1..=250 {
            world.begin(&first(number, 10), NOW).await;
        }
        let (one, other) = tokio::join!(settle(&world), settle(&another));
        assert_eq!(one + other, 250);
        let canceled = world.payments.canceled();
        assert_eq!(canceled.len(), 250, "none twice");
        assert_eq!(canceled.iter().map(|attempt| attempt.id).collect::<BTreeSet<_>>().len(), 250);
        assert_eq!(settle(&world).await, 0);
    });
}
