//! What other contexts say.

use std::sync::Arc;

use events::{Envelope, EventSet, encode};
use match_contract::{MatchCanceled, MatchEvent, MatchRequested};
use messaging::{Place, Record, Taken};
use payment_domain::State;
use payment_service::PaymentPolicies;
use test_stores::on_each_store;
use test_stores::random::{deliveries, one};

use crate::{NOW, World, approved, bill, canceled};

fn record(event_id: &str, event: &MatchEvent) -> Record {
    let (kind, data) = encode(event).unwrap();
    let subject = event.correlation_id().to_string();
    let envelope =
        Envelope { id: event_id.into(), source: "/test/match".into(), kind, subject, time: NOW, trace: None, data };
    Record::carrying(&envelope, Place { topic: "test.match".into(), partition: 0, offset: 0 })
}

fn match_canceled(id: i64, attempt: i64) -> Record {
    record(&format!("{id} {attempt}"), &MatchEvent::MatchCanceled(MatchCanceled { id, attempt }))
}

#[test]
fn when_a_match_is_cancelled_its_payment_is_cancelled_once_however_often_it_is_said() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let policies = Arc::new(PaymentPolicies::new(world.payments.clone(), Arc::clone(&world.refunds)));
        for match_id in 1..=9 {
            world.approve(bill(match_id, 2)).await;
        }
        // Of every third match it is said; of others, that an attempt of the past or the future was cancelled.
        let said = (1..=9).map(|id| match_canceled(id, 1 + id % 3)).collect();
        for batch in one(deliveries(said)) {
            assert_eq!(world.messaging.take(&policies, batch).await.dead, 0);
        }
        // And again by another name, as after a long time.
        let again = record("again", &MatchEvent::MatchCanceled(MatchCanceled { id: 1, attempt: 2 }));
        assert_eq!(world.messaging.take(&policies, vec![again]).await, Taken { applied: 1, repeated: 0, dead: 0 });
        for match_id in 1..=9 {
            let (bill, state) = (bill(match_id, 2), world.app.find(match_id).await.unwrap().unwrap().state);
            let undone = match_id % 3 == 1;
            assert_eq!(state, if undone { State::Canceled } else { State::Approved }, "{match_id}");
            let expected = if undone { vec![approved(bill), canceled(bill)] } else { vec![approved(bill)] };
            assert_eq!(world.said(match_id).await, expected);
        }
        assert_eq!(world.due().await.len(), 3);
    });
}

#[test]
fn a_cancellation_by_event_and_one_on_request_at_the_same_time_pay_back_once() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let another = world.another(place).await;
        let policies = Arc::new(PaymentPolicies::new(world.payments.clone(), Arc::clone(&world.refunds)));
        for match_id in 1..=20 {
            let bill = bill(match_id, 1);
            world.approve(bill).await;
            tokio::join!(world.messaging.take(&policies, vec![match_canceled(match_id, 1)]), another.cancel(bill));
            assert_eq!(world.said(match_id).await, [approved(bill), canceled(bill)]);
        }
    });
}

#[test]
fn a_request_for_a_match_is_none_of_its_business() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let policies = Arc::new(PaymentPolicies::new(world.payments.clone(), Arc::clone(&world.refunds)));
        let requested = MatchEvent::MatchRequested(MatchRequested { id: 1, attempt: 1, price: 10, student: None });
        let taken = world.messaging.take(&policies, vec![record("requested", &requested)]).await;
        assert_eq!((taken, world.app.find(1).await.unwrap()), (Taken::default(), None));
    });
}
