//! Matches that are watched over gRPC.

use std::sync::Arc;
use std::time::Duration;

use chassis::Principal;
use context::Updater;
use match_contract::Step;
use match_service::Watching;
use match_service::grpc::proto::{Match, Status as Told, WatchMatch};
use messaging::BatchOutcome;
use test_stores::{eventually, on_each_store, on_sqlite};
use tokio::time::{sleep, timeout};
use tonic::{Code, Status, Streaming};

use crate::World;
use crate::grpc::{PATIENCE, Served};
use crate::news::news;

const OFTEN: Duration = Duration::from_millis(20);

async fn watch(served: &Served, id: i64) -> Result<Streaming<Match>, Status> {
    served.client().watch(WatchMatch { id }).await.map(tonic::Response::into_inner)
}

async fn next(states: &mut Streaming<Match>) -> Result<Option<Told>, Status> {
    let next = timeout(PATIENCE, states.message()).await.expect("the stream is silent");
    next.map(|state| state.map(|state| state.status()))
}

#[test]
fn a_watcher_is_told_the_state_and_each_change_until_the_last() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let served = Served::to(&world, Principal::Unauthenticated).await;
        world.request(1, 10).await;
        let mut states = watch(&served, 1).await.unwrap();
        assert_eq!(next(&mut states).await.unwrap(), Some(Told::MatchRequested));
        let policies = Arc::new(Updater::new(world.matches.clone()));
        let attempt = crate::first(1, 10).number;
        let [assigned, repaid, visit_canceled] = news(1, attempt);
        let learn = async |news| {
            let taken = world.messaging.process(&policies, vec![news]).await;
            assert_eq!(taken, BatchOutcome { applied: 1, repeated: 0, dead: 0 });
        };
        learn(assigned).await;
        assert_eq!(next(&mut states).await.unwrap(), Some(Told::VisitAssigned));
        world.cancel(1).await;
        assert_eq!(next(&mut states).await.unwrap(), Some(Told::MatchCanceled));
        learn(repaid).await;
        assert_eq!(next(&mut states).await.unwrap(), Some(Told::PaymentCanceled));
        learn(visit_canceled).await;
        assert_eq!(next(&mut states).await.unwrap(), Some(Told::VisitCanceled));
        assert_eq!(next(&mut states).await.unwrap(), None, "nothing can follow");
        assert_eq!(world.shown(1).await.unwrap().step, Step::VisitCanceled);
        served.ended().await;
    });
}

#[test]
fn a_state_that_stays_is_told_again_and_one_that_is_paid_back_and_stays_is_the_last() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        let watching = Watching::new(OFTEN, 5 * OFTEN, 1);
        let served = Served::with(&world, Principal::Unauthenticated, watching, chassis::Config::default()).await;
        world.request(1, 10).await;
        let mut states = watch(&served, 1).await.unwrap();
        for _ in 0..3 {
            assert_eq!(next(&mut states).await.unwrap(), Some(Told::MatchRequested));
        }
        let policies = Arc::new(Updater::new(world.matches.clone()));
        let [_, repaid, _] = news(1, crate::first(1, 10).number);
        world.messaging.process(&policies, vec![repaid]).await;
        let mut last = None;
        while let Some(state) = next(&mut states).await.unwrap() {
            last = Some(state);
        }
        assert_eq!(last, Some(Told::PaymentCanceled));
        served.ended().await;
    });
}

#[test]
fn a_step_that_comes_between_the_last_look_and_the_end_is_told() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        // By the next look the match has been paid back for long enough to be taken for ended.
        let watching = Watching::new(100 * OFTEN, OFTEN, 1);
        let served = Served::with(&world, Principal::Unauthenticated, watching, chassis::Config::default()).await;
        world.request(1, 10).await;
        let policies = Arc::new(Updater::new(world.matches.clone()));
        let [_, repaid, visit_canceled] = news(1, crate::first(1, 10).number);
        world.messaging.process(&policies, vec![repaid]).await;
        let mut states = watch(&served, 1).await.unwrap();
        assert_eq!(next(&mut states).await.unwrap(), Some(Told::PaymentCanceled));
        world.messaging.process(&policies, vec![visit_canceled]).await;
        assert_eq!(next(&mut states).await.unwrap(), Some(Told::VisitCanceled));
        assert_eq!(next(&mut states).await.unwrap(), None);
        served.ended().await;
    });
}

#[test]
fn there_are_so_many_watchers_and_one_that_goes_makes_room() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        let served = Served::with(
            &world,
            Principal::Unauthenticated,
            Watching::new(OFTEN, PATIENCE, 1),
            chassis::Config::default(),
        )
        .await;
        world.request(1, 10).await;
        let mut first = watch(&served, 1).await.unwrap();
        next(&mut first).await.unwrap();
        let refused = watch(&served, 1).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::ResourceExhausted, "there are as many watchers as there may be")
        );
        drop(first);
        eventually("the first has made room", async || watch(&served, 1).await.is_ok()).await;
        // That stream has room until the server has noticed its end.
        let unknown = async || watch(&served, 2).await.is_err_and(|refused| refused.code() == Code::NotFound);
        eventually("an unknown match is not found", unknown).await;
        eventually("a rejected stream takes no room", async || watch(&served, 1).await.is_ok()).await;
        served.ended().await;
    });
}

#[test]
fn a_watcher_is_told_to_come_again_when_the_process_is_told_to_end() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        let served = Served::to(&world, Principal::Unauthenticated).await;
        world.request(1, 10).await;
        let mut states = watch(&served, 1).await.unwrap();
        next(&mut states).await.unwrap();
        served.tell_to_end();
        let ended = next(&mut states).await.unwrap_err();
        assert_eq!((ended.code(), ended.message()), (Code::Unavailable, "the server ends: watch again"));
        served.ended().await;
    });
}

#[test]
fn the_limits_for_slow_clients_do_not_cut_a_watcher_who_has_nothing_to_read() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        let short = Duration::from_millis(200);
        let config = chassis::Config {
            header_read_timeout: short,
            write_timeout: short,
            body_read_timeout: short,
            connection_max_age: short,
            ..chassis::Config::default()
        };
        let served = Served::with(&world, Principal::Unauthenticated, Watching::new(OFTEN, PATIENCE, 1), config).await;
        world.request(1, 10).await;
        let mut states = watch(&served, 1).await.unwrap();
        assert_eq!(next(&mut states).await.unwrap(), Some(Told::MatchRequested));
        // Longer than each of them.
        sleep(5 * short).await;
        world.cancel(1).await;
        assert_eq!(next(&mut states).await.unwrap(), Some(Told::MatchCanceled));
        drop(states);
        served.ended().await;
    });
}
