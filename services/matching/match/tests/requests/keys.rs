//! Requests that leave the choice of the id to the service.

use std::collections::BTreeSet;
use std::time::Duration;

use ambient::{Ids, Subject};
use context::saga::Reply;
use futures_util::future::join_all;
use match_domain::Offer;
use test_stores::on_each_store;

use crate::payments::declined;
use crate::{NOW, RequestOutcome, World, by_anybody, id};

async fn request(world: &World, offer: i64, key: Option<&str>) -> RequestOutcome {
    match key {
        Some(key) => keyed(world, key, None, offer).await,
        None => world.requests.request_new(&by_anybody(offer), world.trace()).await.unwrap(),
    }
}

async fn keyed(world: &World, key: &str, number: Option<i64>, offer: i64) -> RequestOutcome {
    world.requests.request_with_key(key, number.map(id), &by_anybody(offer), world.trace()).await.unwrap()
}

fn number(requested: &RequestOutcome) -> i64 {
    let (RequestOutcome::Established(established) | RequestOutcome::Known(established)) = requested else {
        panic!("{requested:?}")
    };
    established.attempt.id.get()
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
            let requests = world.requests_with(Ids::seeded(world.clock.clone(), 7));
            let offer = Offer { student: Some(Subject::new(name).unwrap()), ..by_anybody(10) };
            numbers.insert(number(&requests.request_new(&offer, world.trace()).await.unwrap()));
        }
        let first = Ids::seeded(world.clock.clone(), 7).number();
        assert!(numbers.contains(&first), "all of them have drawn it");
        assert_eq!((numbers.len(), world.said().await.len()), (3, 3));
        // With a key too: that number would stand for a match of somebody else for as long as the key is remembered.
        let requests = world.requests_with(Ids::seeded(world.clock.clone(), 7));
        let requested = requests.request_with_key("key", None, &by_anybody(10), world.trace()).await.unwrap();
        assert!(
            matches!(requested, RequestOutcome::Established(_)) && numbers.insert(number(&requested)),
            "{requested:?}"
        );
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
        assert_eq!(outcomes.iter().filter(|o| matches!(o, RequestOutcome::Established(_))).count(), 1);
        assert_eq!((world.payments.asked().len(), world.said().await.len()), (1, 1));
    });
}

#[test]
fn a_key_that_was_used_at_another_price_is_refused() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        request(&world, 10, Some("key")).await;
        assert_eq!(request(&world, 20, Some("key")).await, RequestOutcome::KeyReused);
        assert!(matches!(request(&world, 20, Some("another key")).await, RequestOutcome::Established(_)));
    });
}

#[test]
fn while_payment_refuses_a_new_key_is_not_written_down_and_a_known_one_shows_its_match() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let known = number(&request(&world, 10, Some("known")).await);
        let refuse = |wait| *world.payments.unavailable_for.lock().unwrap() = wait;
        refuse(Some(Duration::from_secs(7)));
        assert_eq!(request(&world, 10, Some("new")).await, RequestOutcome::Unavailable(Duration::from_secs(7)));
        assert_eq!(number(&request(&world, 10, Some("known")).await), known);
        assert_eq!(request(&world, 11, Some("known")).await, RequestOutcome::KeyReused);
        refuse(None);
        // At another price, as nothing stands in its way.
        assert!(matches!(request(&world, 20, Some("new")).await, RequestOutcome::Established(_)));
    });
}

#[test]
fn a_request_that_was_declined_may_be_made_again_with_its_key() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.payments.answer([Reply::Declined(declined("no"))]);
        assert_eq!(request(&world, 10, Some("key")).await, RequestOutcome::Declined(declined("no")));
        let number_of_first = number(&request(&world, 10, Some("key")).await);
        assert_eq!(number(&request(&world, 10, Some("key")).await), number_of_first);
        assert_eq!(world.said().await.len(), 1);
    });
}

#[test]
fn a_key_stands_for_its_whole_request_with_an_id_or_without() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        assert!(matches!(keyed(&world, "with", Some(81), 10).await, RequestOutcome::Established(_)));
        let drawn = number(&keyed(&world, "without", None, 10).await);
        let paid = world.payments.asked().len();
        for (key, other, offer) in [
            ("with", Some(82), 10),
            ("with", Some(81), 11),
            ("with", None, 10),
            ("with", Some(drawn), 10),
            ("without", Some(82), 10),
            ("without", Some(drawn), 10),
            ("without", None, 11),
        ] {
            assert_eq!(keyed(&world, key, other, offer).await, RequestOutcome::KeyReused, "{key} {other:?} {offer}");
        }
        for (key, same, expected) in [("with", Some(81), 81), ("without", None, drawn)] {
            let again = keyed(&world, key, same, 10).await;
            assert!(matches!(again, RequestOutcome::Known(_)) && number(&again) == expected, "{again:?}");
        }
        assert_eq!((world.payments.asked().len(), world.said().await.len()), (paid, paid), "nothing is paid twice");
        // What is known without a key is known with one, and the other way round.
        assert!(matches!(keyed(&world, "another", Some(81), 10).await, RequestOutcome::Known(_)));
        assert_eq!(keyed(&world, "a third", Some(81), 11).await, RequestOutcome::Different);
        assert!(matches!(world.request(81, 10).await, RequestOutcome::Known(_)));
    });
}

#[test]
fn of_requests_that_share_a_key_and_differ_in_their_ids_one_is_paid_even_at_the_same_time() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let another = world.another(place).await;
        let worlds = [&world, &another];
        let numbers = (0..20_i64).map(|n| (n % 5 > 0).then_some(80 + n % 5));
        let asking = numbers.enumerate().map(|(n, number)| keyed(worlds[n % 2], "key", number, 10));
        let outcomes = join_all(asking).await;
        let count = |wanted: fn(&RequestOutcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count();
        let established = count(|outcome| matches!(outcome, RequestOutcome::Established(_)));
        let refused = count(|outcome| *outcome == RequestOutcome::KeyReused);
        assert_eq!((established, refused), (1, 16), "{outcomes:?}");
        assert_eq!((world.payments.asked().len(), world.said().await.len()), (1, 1));
    });
}

#[test]
fn a_key_that_was_claimed_by_a_process_that_died_then_is_used_by_the_same_request_alone() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (key, chosen, content) in [("with", Some(id(81)), "10 as 81"), ("without", None, "10")] {
            let proposed = chosen.unwrap_or_else(|| id(4711));
            store::idempotency::claim(&world.store, key, content, proposed.get(), NOW).await.unwrap();
            assert_eq!(keyed(&world, key, Some(82), 10).await, RequestOutcome::KeyReused);
            let again = keyed(&world, key, chosen.map(match_domain::MatchId::get), 10).await;
            assert!(matches!(again, RequestOutcome::Established(_)) && number(&again) == proposed.get(), "{again:?}");
        }
    });
}

#[test]
fn while_payment_refuses_a_key_with_an_id_is_written_down_only_for_a_match_that_can_be_shown() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.request(81, 10).await;
        let wait = Duration::from_secs(7);
        let refuse = |wait| *world.payments.unavailable_for.lock().unwrap() = wait;
        refuse(Some(wait));
        assert_eq!(keyed(&world, "new", Some(82), 10).await, RequestOutcome::Unavailable(wait));
        assert!(matches!(keyed(&world, "shown", Some(81), 10).await, RequestOutcome::Known(_)));
        assert_eq!(keyed(&world, "shown", Some(82), 10).await, RequestOutcome::KeyReused);
        assert_eq!(keyed(&world, "shown", None, 10).await, RequestOutcome::KeyReused);
        refuse(None);
        assert!(matches!(keyed(&world, "new", Some(83), 10).await, RequestOutcome::Established(_)));
    });
}

#[test]
fn a_key_that_the_version_before_has_written_down_stands_for_the_same_match() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        // It knew keys of requests without an id alone, and wrote down their price.
        store::idempotency::claim(&world.store, "key", "10", 4711, NOW).await.unwrap();
        assert_eq!(number(&keyed(&world, "key", None, 10).await), 4711);
        assert_eq!(keyed(&world, "key", Some(4711), 10).await, RequestOutcome::KeyReused);
        // And what it reads of the rows of this version is another request.
        keyed(&world, "new", Some(81), 10).await;
        let read_before = store::idempotency::claimed(&world.store, "new", "10").await.unwrap();
        assert_eq!(read_before, Some(store::idempotency::Claim::UsedForOther));
    });
}
