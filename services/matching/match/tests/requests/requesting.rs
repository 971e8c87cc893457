//! One request, and each answer that payment may give.

use std::time::Duration;

use chassis::Principal;
use context::saga::Reply;
use match_domain::Match;
use test_stores::on_each_store;

use crate::payments::declined;
use crate::whose::{ask, get};
use crate::{RequestOutcome, World, event, first, requested};

const LATER: Duration = Duration::from_secs(7);

#[test]
fn an_approved_request_is_established_and_said_once_however_often_it_comes() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let established = requested(first(5000, 10));
        assert_eq!(world.request(5000, 10).await, RequestOutcome::Established(established.clone()));
        assert_eq!(world.request(5000, 10).await, RequestOutcome::Known(established.clone()));
        assert_eq!(world.request(5000, 11).await, RequestOutcome::Different);
        assert_eq!(world.shown(5000).await, Some(established));
        assert_eq!(world.said().await, [event(&first(5000, 10))]);
        assert_eq!(world.payments.asked(), [first(5000, 10)], "paid once");
    });
}

#[test]
fn a_declined_request_leaves_nothing_behind_and_may_be_made_again() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.payments.answer([Reply::Declined(declined("no money"))]);
        assert_eq!(world.request(1, 10).await, RequestOutcome::Declined(declined("no money")));
        assert_eq!((world.traces().await, world.said().await.len()), (0, 0));
        assert!(matches!(world.request(1, 20).await, RequestOutcome::Established(_)));
    });
}

#[test]
fn a_request_that_payment_has_not_seen_leaves_nothing_behind_and_says_when_to_come_back() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.payments.answer([Reply::NotSent(LATER)]);
        assert_eq!(world.request(1, 10).await, RequestOutcome::Unavailable(LATER));
        assert_eq!((world.traces().await, world.said().await.len()), (0, 0));
        assert_eq!(world.payments.canceled(), [], "there is nothing to undo");
    });
}

#[test]
fn while_payment_refuses_a_request_writes_nothing_and_does_not_ask() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.request(1, 10).await;
        *world.payments.unavailable_for.lock().unwrap() = Some(LATER);
        assert_eq!(world.request(2, 10).await, RequestOutcome::Unavailable(LATER));
        assert_eq!((world.traces().await, world.payments.asked().len()), (1, 1));
        // What needs no payment is answered all the same.
        assert_eq!(world.request(1, 10).await, RequestOutcome::Known(requested(first(1, 10))));
        assert_eq!(world.request(1, 11).await, RequestOutcome::Different);
    });
}

#[test]
fn a_request_whose_outcome_is_unknown_is_no_match_and_is_handed_to_the_recovery() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.payments.answer([Reply::Unknown]);
        assert!(matches!(world.request(1, 10).await, RequestOutcome::Unavailable(_)));
        assert_eq!(world.find(1).await, Some(Match::Compensating(first(1, 10))));
        assert_eq!(world.shown(1).await, None);
        let (_, page) = ask(&world, &Principal::Unauthenticated, get("/matches")).await;
        assert_eq!(page["_embedded"]["matches"], serde_json::json!([]));
        assert_eq!(world.said().await, []);
        tokio::time::timeout(Duration::from_millis(100), world.saga.handed_over())
            .await
            .expect("the recovery is woken");
    });
}

#[test]
fn the_list_shows_established_matches_only_page_by_page() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for number in 1..=5 {
            world.request(number, 10).await;
        }
        world.payments.answer([Reply::Unknown]);
        world.request(6, 10).await;
        let mut seen = vec![];
        let mut next = Some("/matches?size=2".to_owned());
        while let Some(path) = next {
            let (_, page) = ask(&world, &Principal::Unauthenticated, get(&path)).await;
            let items = page["_embedded"]["matches"].as_array().unwrap();
            seen.extend(items.iter().map(|item| item["id"].as_i64().unwrap()));
            next = page["_links"]["next"]["href"].as_str().map(str::to_owned);
        }
        assert_eq!(seen, [1, 2, 3, 4, 5]);
    });
}
