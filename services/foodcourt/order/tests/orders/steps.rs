//! The events of the kitchen.

use cook_contract::{CookEvent, CookStarted, Cooked};
use test_stores::on_each_store;

use crate::{OPEN, World};

fn started(order_id: i64) -> CookEvent {
    CookStarted { order_id, shop_id: 1 }.into()
}

fn cooked(order_id: i64) -> CookEvent {
    Cooked { order_id, shop_id: 1 }.into()
}

#[test]
fn the_status_is_the_furthest_step_whatever_comes_first_and_an_unknown_order_is_none() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for id in 1..=2 {
            world.order(&OPEN, id).await;
        }
        world.take([started(1)]).await;
        assert_eq!(world.status(1).await.0, "cook");
        world.take([cooked(1), cooked(2), started(2), started(3)]).await;
        assert_eq!([world.status(1).await.0, world.status(2).await.0], ["cooked", "cooked"]);
        assert_eq!(world.get(&OPEN, "/orders/3").await.0, 404);
    });
}
