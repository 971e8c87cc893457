//! Requests that leave the choice of the id to the service.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ambient::Ids;
use futures_util::future::join_all;
use match_domain::{Offer, Student};
use match_service::{App, Approval, Requested};
use test_stores::on_each_store;

use crate::{SETTLE_AFTER, World, by_anybody};

async fn request(world: &World, offer: i64, key: Option<&str>) -> Requested {
    world.app.request_new(&by_anybody(offer), key, world.trace()).await.unwrap()
}

fn number(requested: &Requested) -> i64 {
    let (Requested::Established(established) | Requested::Known(established)) = requested else {
        panic!("{requested:?}")
    };
    established.case.id.get()
}

#[test]
fn requests_without_a_key_are_matches_of_their_own() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let mut numbers = BTreeSet::new();
        for _ in 0..20 {
            numbers.insert(number(&request(&world, 10, None).await));
        }
        assert_eq!((numbers.len(), world.said().await.len()), (20, 20));
    });
}

#[test]
fn a_number_that_another_process_has_drawn_is_drawn_again_whoever_it_stands_for() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let mut numbers = BTreeSet::new();
        for name in ["kim", "lee", "lee"] {
            // Each time a process that draws the same numbers.
            let ids = Arc::new(Ids::seeded(world.clock.clone(), 7));
            let (matches, payments, clock) = (world.matches.clone(), world.payments.clone(), world.clock.clone());
            let app = App::new(matches, payments, world.woken.clone(), clock, ids, SETTLE_AFTER);
            let offer = Offer { student: Some(Student::new(name).unwrap()), ..by_anybody(10) };
            numbers.insert(number(&app.request_new(&offer, None, world.trace()).await.unwrap()));
        }
        let first = Ids::seeded(world.clock.clone(), 7).number();
        assert!(numbers.contains(&first), "all of them have drawn it");
        assert_eq!((numbers.len(), world.said().await.len()), (3, 3));
    });
}

#[test]
fn requests_with_one_key_at_the_same_time_are_one_match_paid_once() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let another = world.another(place).await;
        let worlds = [&world, &another];
        let outcomes = join_all((0..20).map(|n| request(worlds[n % 2], 10, Some("key")))).await;
        assert_eq!(outcomes.iter().map(number).collect::<BTreeSet<_>>().len(), 1);
        assert_eq!(outcomes.iter().filter(|o| matches!(o, Requested::Established(_))).count(), 1);
        assert_eq!((world.payments.asked().len(), world.said().await.len()), (1, 1));
    });
}

#[test]
fn a_key_that_was_used_at_another_price_is_refused() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        request(&world, 10, Some("key")).await;
        assert_eq!(request(&world, 20, Some("key")).await, Requested::KeyReused);
        assert!(matches!(request(&world, 20, Some("another key")).await, Requested::Established(_)));
    });
}

#[test]
fn while_payment_refuses_a_new_key_is_not_written_down_and_a_known_one_shows_its_match() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let known = number(&request(&world, 10, Some("known")).await);
        let refuse = |wait| *world.payments.refusal.lock().unwrap() = wait;
        refuse(Some(Duration::from_secs(7)));
        assert_eq!(request(&world, 10, Some("new")).await, Requested::Unavailable(Duration::from_secs(7)));
        assert_eq!(number(&request(&world, 10, Some("known")).await), known);
        assert_eq!(request(&world, 11, Some("known")).await, Requested::KeyReused);
        refuse(None);
        // At another price, as nothing stands in its way.
        assert!(matches!(request(&world, 20, Some("new")).await, Requested::Established(_)));
    });
}

#[test]
fn a_request_that_was_declined_may_be_made_again_with_its_key() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.payments.answer([Approval::Declined("no".into())]);
        assert_eq!(request(&world, 10, Some("key")).await, Requested::Declined("no".into()));
        let number_of_first = number(&request(&world, 10, Some("key")).await);
        assert_eq!(number(&request(&world, 10, Some("key")).await), number_of_first);
        assert_eq!(world.said().await.len(), 1);
    });
}
