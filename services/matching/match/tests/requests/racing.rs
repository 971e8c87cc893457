//! Many requests for one match at the same time.

use context::saga::Reply;
use futures_util::future::join_all;
use test_stores::on_each_store;

use crate::payments::declined;
use crate::{RequestOutcome, World, event};

const REQUESTS: usize = 50;

async fn together(worlds: &[World; 2], offers: [i64; 2]) -> Vec<RequestOutcome> {
    let requests = (0..REQUESTS).map(|n| worlds[n % 2].requesting(5000, offers[n / 2 % 2]));
    let requests: Vec<_> = requests.collect();
    join_all(requests).await.into_iter().map(Result::unwrap).collect()
}

fn count(outcomes: &[RequestOutcome], which: impl Fn(&RequestOutcome) -> bool) -> usize {
    outcomes.iter().filter(|outcome| which(outcome)).count()
}

#[test]
fn of_fifty_equal_requests_at_once_one_pays_and_the_others_are_shown_its_match() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let worlds = [world.another(place).await, world];
        let outcomes = together(&worlds, [10, 10]).await;
        assert_eq!(count(&outcomes, |o| matches!(o, RequestOutcome::Established(_))), 1, "{outcomes:?}");
        assert_eq!(count(&outcomes, |o| matches!(o, RequestOutcome::Known(_))), REQUESTS - 1, "{outcomes:?}");
        let asked = worlds[0].payments.asked();
        assert_eq!(asked.len(), 1);
        assert_eq!(worlds[0].said().await, [event(&asked[0])]);
    });
}

#[test]
fn of_fifty_requests_at_two_prices_one_wins_and_those_at_the_other_price_are_told() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let worlds = [world.another(place).await, world];
        let outcomes = together(&worlds, [10, 20]).await;
        assert_eq!(count(&outcomes, |o| matches!(o, RequestOutcome::Established(_))), 1, "{outcomes:?}");
        let [asked] = &worlds[0].payments.asked()[..] else { panic!("paid more than once") };
        let same = (0..REQUESTS).filter(|n| [10, 20][n / 2 % 2] == asked.price.get()).count();
        assert_eq!(count(&outcomes, |o| matches!(o, RequestOutcome::Known(_))), same - 1, "{outcomes:?}");
        assert_eq!(count(&outcomes, |o| *o == RequestOutcome::Different), REQUESTS - same, "{outcomes:?}");
    });
}

#[test]
fn when_the_first_of_many_is_declined_another_one_pays() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.payments.answer([Reply::Declined(declined("no")), Reply::Declined(declined("no"))]);
        let worlds = [world.another(place).await, world];
        let outcomes = together(&worlds, [10, 10]).await;
        assert_eq!(count(&outcomes, |o| matches!(o, RequestOutcome::Declined(_))), 2, "{outcomes:?}");
        assert_eq!(count(&outcomes, |o| matches!(o, RequestOutcome::Established(_))), 1, "{outcomes:?}");
        assert_eq!((worlds[0].payments.asked().len(), worlds[0].said().await.len()), (3, 1));
    });
}
