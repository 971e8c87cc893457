//! What other contexts say, in all orders.

use std::sync::Arc;

use events::{Envelope, EventSet, encode};
use match_contract::Step;
use match_service::MatchPolicies;
use messaging::{Place, Record, Taken};
use payment_contract::{PaymentCanceled, PaymentEvent};
use test_stores::on_each_store;
use visit_contract::{VisitAssigned, VisitCanceled, VisitEvent};

use crate::{NOW, World, first};

fn record<E: EventSet>(event_id: &str, event: &E) -> Record {
    let (kind, data) = encode(event).unwrap();
    let subject = event.correlation_id().to_string();
    let source = format!("/test/{}", E::CONTEXT);
    let envelope = Envelope { id: event_id.into(), source, kind, subject, time: NOW, trace: None, data };
    Record::carrying(&envelope, Place { topic: format!("test.{}", E::CONTEXT), partition: 0, offset: 0 })
}

/// What the others say of an attempt.
pub fn news(match_id: i64, attempt: i64) -> [Record; 3] {
    let (teacher, visit_date) = ("T".to_owned(), "2021-01-21".to_owned());
    let assigned = VisitEvent::VisitAssigned(VisitAssigned { match_id, attempt, teacher, visit_date });
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
        let policies = Arc::new(MatchPolicies::new(world.matches.clone()));
        for (number, order) in (1..).zip(ORDERS) {
            world.request(number, 10).await;
            let attempt = first(number, 10).attempt;
            let (news, past) = (news(number, attempt), news(number, attempt - 1));
            let mut furthest = Step::MatchRequested;
            for index in order {
                furthest = furthest.max([Step::VisitAssigned, Step::PaymentCanceled, Step::VisitCanceled][index]);
                let records = vec![news[index].clone(), past[2].clone(), news[index].clone()];
                let taken = world.messaging.take(&policies, records).await;
                assert_eq!(taken.dead, 0);
                let shown = world.shown(number).await.unwrap();
                assert_eq!((shown.step, shown.case), (furthest, first(number, 10)), "{order:?}");
            }
        }
    });
}

#[test]
fn news_of_a_match_that_does_not_exist_are_passed_over() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let policies = Arc::new(MatchPolicies::new(world.matches.clone()));
        let taken = world.messaging.take(&policies, news(404, 1).to_vec()).await;
        assert_eq!(taken, Taken { applied: 3, repeated: 0, dead: 0 });
        assert_eq!((world.traces().await, world.shown(404).await), (0, None));
    });
}

#[test]
fn news_that_come_before_the_answer_of_payment_are_shown_once_it_has_come() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let policies = Arc::new(MatchPolicies::new(world.matches.clone()));
        let case = first(1, 10);
        assert!(world.matches.begin(&case, NOW).await.unwrap());
        let early = world.messaging.take(&policies, vec![news(1, case.attempt)[0].clone()]).await;
        assert_eq!(early, Taken { applied: 1, repeated: 0, dead: 0 });
        assert_eq!(world.shown(1).await, None, "it is still pending");
        let (established, event) = case.clone().establish();
        assert!(world.matches.establish(&established, event, world.trace()).await.unwrap());
        assert_eq!(world.shown(1).await.unwrap().step, Step::VisitAssigned);
    });
}

#[test]
fn what_was_heard_of_an_attempt_that_is_undone_is_not_shown_of_the_next() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let policies = Arc::new(MatchPolicies::new(world.matches.clone()));
        let case = first(1, 10);
        assert!(world.matches.begin(&case, NOW).await.unwrap());
        world.messaging.take(&policies, vec![news(1, case.attempt)[0].clone()]).await;
        assert!(world.matches.give_up(&case, NOW).await.unwrap());
        world.matches.void(&case).await.unwrap();
        world.clock.advance(std::time::Duration::from_secs(1));
        world.request(1, 10).await;
        assert_eq!(world.shown(1).await.unwrap().step, Step::MatchRequested);
    });
}
