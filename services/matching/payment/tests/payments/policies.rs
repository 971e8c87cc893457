//! Events of other contexts.

use events::{Envelope, EventSet, encode};
use futures_util::FutureExt as _;
use match_contract::{MatchCanceled, MatchEvent, MatchRequested};
use messaging::{BatchOutcome, Record, RecordPosition};
use payment::State;
use test_stores::on_each_store;
use test_stores::random::{deliveries, one};

use crate::{NOW, World, approved, bill, canceled};

fn record(event_id: &str, event: &MatchEvent) -> Record {
    let (kind, data) = encode(event).unwrap();
    let subject = event.key().to_string();
    let envelope =
        Envelope { id: event_id.into(), source: "/test/match".into(), kind, subject, time: NOW, trace: None, data };
    Record::carrying(&envelope, RecordPosition { topic: "test.match".into(), partition: 0, offset: 0 })
}

fn match_canceled(id: i64, attempt: i64) -> Record {
    record(&format!("{id} {attempt}"), &MatchEvent::MatchCanceled(MatchCanceled { id, attempt }))
}

#[test]
fn a_refund_that_is_due_by_an_event_wakes_the_task_that_executes_it() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.approve(bill(1, 1)).await;
        assert!(world.payments.refunds().woken().now_or_never().is_none());
        world.messaging.process(&world.policies(), vec![match_canceled(1, 1)]).await;
        assert!(world.payments.refunds().woken().now_or_never().is_some());
    });
}

#[test]
fn when_a_match_is_cancelled_its_payment_is_cancelled_once_however_often_the_event_arrives() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let policies = world.policies();
        for match_id in 1..=9 {
            world.approve(bill(match_id, 2)).await;
        }
        // Every third match is cancelled; of the others, an earlier or a later attempt.
        let events = (1..=9).map(|id| match_canceled(id, 1 + id % 3)).collect();
        for batch in one(deliveries(events)) {
            assert_eq!(world.messaging.process(&policies, batch).await.dead, 0);
        }
        // And again with another id, as after the inbox was purged.
        let again = record("again", &MatchEvent::MatchCanceled(MatchCanceled { id: 1, attempt: 2 }));
        assert_eq!(
            world.messaging.process(&policies, vec![again]).await,
            BatchOutcome { applied: 1, repeated: 0, dead: 0 }
        );
        for match_id in 1..=9 {
            let (bill, state) = (bill(match_id, 2), world.state(match_id).await);
            let undone = match_id % 3 == 1;
            assert_eq!(state, Some(if undone { State::Canceled } else { State::Approved }), "{match_id}");
            let expected = if undone { vec![approved(bill), canceled(bill)] } else { vec![approved(bill)] };
            assert_eq!(world.staged(match_id).await, expected);
        }
        assert_eq!(world.due().await.len(), 3);
    });
}

#[test]
fn a_cancellation_by_event_and_one_on_request_at_the_same_time_pay_back_once() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let another = world.another(place).await;
        let policies = world.policies();
        for match_id in 1..=20 {
            let bill = bill(match_id, 1);
            world.approve(bill).await;
            tokio::join!(world.messaging.process(&policies, vec![match_canceled(match_id, 1)]), another.cancel(bill));
            assert_eq!(world.staged(match_id).await, [approved(bill), canceled(bill)]);
        }
    });
}

#[test]
fn the_request_of_a_match_is_not_consumed() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let policies = world.policies();
        let requested = MatchEvent::MatchRequested(MatchRequested { id: 1, attempt: 1, price: 10, student: None });
        let taken = world.messaging.process(&policies, vec![record("requested", &requested)]).await;
        assert_eq!((taken, world.state(1).await), (BatchOutcome::default(), None));
    });
}
