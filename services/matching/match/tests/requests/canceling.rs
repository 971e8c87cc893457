//! The student cancels.

use context::saga::Reply;
use futures_util::future::join_all;
use match_contract::{MatchCanceled, MatchEvent, Step};
use match_domain::Established;
use test_stores::{eventually, on_each_store};

use crate::{World, event, first};

async fn cancel(world: &World, number: i64) -> Option<Established> {
    world.cancel(number).await
}

#[test]
fn a_match_is_cancelled_once_however_often_and_from_wherever_it_is_asked_for() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let another = world.another(place).await;
        world.request(1, 10).await;
        let worlds = [&world, &another];
        let outcomes = join_all((0..20).map(|n| cancel(worlds[n % 2], 1))).await;
        for outcome in outcomes {
            assert_eq!(outcome.unwrap().step, Step::MatchCanceled);
        }
        let canceled = MatchEvent::MatchCanceled(MatchCanceled { id: 1, attempt: first(1, 10).number });
        assert_eq!(world.said().await, [event(&first(1, 10)), canceled]);
    });
}

#[test]
fn what_is_not_established_cannot_be_cancelled() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        assert_eq!(cancel(&world, 1).await, None);
        world.payments.answer([Reply::Unknown]);
        world.request(2, 10).await;
        assert_eq!(cancel(&world, 2).await, None, "settling");
        world.payments.open.send_replace(false);
        let pending = world.requesting(3, 10);
        eventually("payment is asked", async || world.payments.asked().len() == 2).await;
        assert_eq!(cancel(&world, 3).await, None, "pending");
        world.payments.open.send_replace(true);
        pending.await.unwrap();
        assert_eq!(world.said().await, [event(&first(3, 10))]);
    });
}
