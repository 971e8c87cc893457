//! What other contexts say, in all orders.

use std::sync::Arc;

use context::Updater;
use context::saga::Reply;
use events::{Envelope, EventSet, encode};
use match_contract::Step;
use messaging::{BatchOutcome, Record, RecordPosition};
use payment_contract::{PaymentCanceled, PaymentEvent};
use test_stores::{eventually, on_each_store};
use visit_contract::{VisitAssigned, VisitCanceled, VisitEvent};

use crate::{NOW, World, first};

fn record<E: EventSet>(event_id: &str, event: &E) -> Record {
    let (kind, data) = encode(event).unwrap();
    let subject = event.key().to_string();
    let source = format!("/test/{}", E::CONTEXT);
    let envelope = Envelope { id: event_id.into(), source, kind, subject, time: NOW, trace: None, data };
    Record::carrying(&envelope, RecordPosition { topic: format!("test.{}", E::CONTEXT), partition: 0, offset: 0 })
}

/// What the others say of an attempt.
pub fn news(match_id: i64, attempt: i64) -> [Record; 3] {
    let (teacher, visit_date) = ("T".to_owned(), "2021-01-21".to_owned());
    let assigned = VisitEvent::VisitAssigned(VisitAssigned { match_id, attempt, teacher, visit_date, tutor: None });
    let paid_back = PaymentEvent::PaymentCanceled(PaymentCanceled { match_id, attempt, price: 10 });
    let visit_canceled = VisitEvent::VisitCanceled(VisitCanceled { match_id, attempt });
    let name = |step| format!("{match_id} {attempt} {step}");
    [
        record(&name("assigned"), &assigned),
        record(&name("paid back"), &paid_back),
        record(&name("visit cancelled"), &visit_canceled),
    ]
}

#[test]
fn a_match_shows_the_furthest_step_whatever_the_order_and_repetition_of_the_news() {
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    on_each_store(async |place| {
        let world = World::on(place).await;
        let policies = Arc::new(Updater::new(world.matches.clone()));
        for (number, order) in (1..).zip(ORDERS) {
            world.request(number, 10).await;
            let attempt = first(number, 10).number;
            let (news, past) = (news(number, attempt), news(number, attempt - 1));
            let mut furthest = Step::MatchRequested;
            for index in order {
                furthest = furthest.max([Step::VisitAssigned, Step::PaymentCanceled, Step::VisitCanceled][index]);
                let records = vec![news[index].clone(), past[2].clone(), news[index].clone()];
                let taken = world.messaging.process(&policies, records).await;
                assert_eq!(taken.dead, 0);
                let shown = world.shown(number).await.unwrap();
                assert_eq!((shown.step, shown.attempt), (furthest, first(number, 10)), "{order:?}");
            }
        }
    });
}

#[test]
fn news_of_a_match_that_does_not_exist_are_passed_over() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let policies = Arc::new(Updater::new(world.matches.clone()));
        let taken = world.messaging.process(&policies, news(404, 1).to_vec()).await;
        assert_eq!(taken, BatchOutcome { applied: 3, repeated: 0, dead: 0 });
        assert_eq!((world.traces().await, world.shown(404).await), (0, None));
    });
}

#[test]
fn news_that_come_before_the_answer_of_payment_are_shown_once_it_has_come() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let policies = Arc::new(Updater::new(world.matches.clone()));
        world.payments.open.send_replace(false);
        let request = world.requesting(1, 10);
        eventually("payment is asked", async || world.payments.asked().len() == 1).await;
        let attempt = first(1, 10);
        let early = world.messaging.process(&policies, vec![news(1, attempt.number)[0].clone()]).await;
        assert_eq!(early, BatchOutcome { applied: 1, repeated: 0, dead: 0 });
        assert_eq!(world.shown(1).await, None, "it is still pending");
        world.payments.open.send_replace(true);
        request.await.unwrap();
        assert_eq!(world.shown(1).await.unwrap().step, Step::VisitAssigned);
    });
}

#[test]
fn what_was_heard_of_an_attempt_that_is_undone_is_not_shown_of_the_next() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let policies = Arc::new(Updater::new(world.matches.clone()));
        world.payments.answer([Reply::Unknown]);
        world.payments.open.send_replace(false);
        let request = world.requesting(1, 10);
        eventually("payment is asked", async || world.payments.asked().len() == 1).await;
        world.messaging.process(&policies, vec![news(1, first(1, 10).number)[0].clone()]).await;
        world.payments.open.send_replace(true);
        request.await.unwrap();
        assert_eq!(world.saga.recover_due().await.unwrap(), 1);
        world.clock.advance(std::time::Duration::from_secs(1));
        world.request(1, 10).await;
        assert_eq!(world.shown(1).await.unwrap().step, Step::MatchRequested);
    });
}
