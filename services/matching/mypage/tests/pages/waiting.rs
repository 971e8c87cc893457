//! Requests that wait for a page.

use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use chassis::Principal;
use futures_util::StreamExt;
use match_contract::Step;
use test_stores::{eventually, on_each_store, on_sqlite};
use tokio::time::{Instant, timeout};

use crate::whose::student;
use crate::{World, said};

const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than any test waits.
const LONG: Duration = Duration::from_mins(5);

/// Both ways to wait for page 1.
const WAYS: [(&str, &[(&str, &str)]); 2] = [("/myPages/1/events", &[]), ("/myPages/1", &[("prefer", "wait=300")])];

async fn world(place: &test_stores::TestStore, longest_wait: Duration) -> World {
    World::waiting(place, longest_wait).await
}

fn asked(
    world: &World,
    principal: &Principal,
    (path, headers): (&'static str, &'static [(&str, &str)]),
) -> tokio::task::JoinHandle<Response<Body>> {
    let (world, principal) = (world.clone(), principal.clone());
    tokio::spawn(async move { world.ask(&principal, path, headers).await })
}

async fn status(asked: tokio::task::JoinHandle<Response<Body>>) -> u16 {
    timeout(PATIENCE, asked).await.expect("it still waits").unwrap().status().as_u16()
}

fn applied(answer: &Response<Body>) -> Option<&str> {
    answer.headers().get("preference-applied").map(|applied| applied.to_str().unwrap())
}

#[test]
fn a_request_that_comes_before_its_page_is_answered_once_the_page_is_there_whichever_replica_learns_it() {
    on_each_store(async |place| {
        let replicas = [world(place, LONG).await, world(place, LONG).await];
        for replica in &replicas {
            let asked = WAYS.map(|way| asked(&replicas[0], &student(1), way));
            eventually("both wait", async || replicas[0].subscriptions().count(&1) == 2).await;
            // Whose it is, is not known yet.
            replica.take(vec![said(1, 1, Step::PaymentApproved)]).await;
            assert!(asked.iter().all(|asked| !asked.is_finished()));
            replica.take(vec![said(1, 1, Step::MatchRequested)]).await;
            for asked in asked {
                assert_eq!(status(asked).await, 200);
            }
            replica.empty().await;
        }
    });
}

#[test]
fn a_page_that_does_not_come_and_another_students_page_are_answered_alike_when_the_wait_is_over() {
    on_each_store(async |place| {
        let wait = Duration::from_millis(300);
        let world = world(place, wait).await;
        for changes in [&[][..], &[Step::MatchRequested, Step::PaymentApproved]] {
            let begin = Instant::now();
            let asked = WAYS.map(|way| asked(&world, &student(2), way));
            eventually("both wait", async || world.subscriptions().count(&1) == 2).await;
            for step in changes {
                world.take(vec![said(1, 1, *step)]).await;
            }
            for asked in asked {
                assert_eq!(status(asked).await, 404);
                assert!(begin.elapsed() >= wait, "after {:?}", begin.elapsed());
            }
        }
    });
}

#[test]
fn a_preference_to_wait_is_applied_up_to_the_limit_and_one_that_cannot_be_read_is_ignored() {
    on_sqlite(async |place| {
        let world = world(place, Duration::from_secs(1)).await;
        world.take(vec![said(1, 1, Step::MatchRequested)]).await;
        for (prefer, expected) in [("wait=0", Some("wait=0")), ("wait=300", Some("wait=1")), ("wait=soon", None)] {
            for (path, status) in [("/myPages/1", 200), ("/myPages/2", 404)] {
                let answer = world.ask(&student(1), path, &[("prefer", prefer)]).await;
                assert_eq!((answer.status().as_u16(), applied(&answer)), (status, expected), "{path}, {prefer}");
            }
        }
        assert_eq!(applied(&world.ask(&student(1), "/myPages/1", &[]).await), None);
    });
}

#[test]
fn as_many_wait_as_may_and_whoever_comes_then_is_answered_at_once() {
    on_sqlite(async |place| {
        let world = world(place, LONG).await;
        let _waiting: Vec<_> = (0..10).map(|_| world.subscriptions().wait(7).unwrap()).collect();
        let answer = timeout(PATIENCE, world.ask(&student(1), "/myPages/1", &[("prefer", "wait=300")])).await.unwrap();
        assert_eq!((answer.status().as_u16(), applied(&answer)), (404, None));
        let _open: Vec<_> = (0..10).map(|_| world.subscriptions().stream(7).unwrap()).collect();
        let answer = timeout(PATIENCE, world.ask(&student(1), "/myPages/1/events", &[])).await.unwrap();
        assert_eq!(answer.status(), 503);
    });
}

#[test]
fn the_end_of_the_process_is_the_end_of_waiting_and_a_client_of_a_stream_may_come_again() {
    on_sqlite(async |place| {
        let world = world(place, LONG).await;
        let [stream, page] = WAYS.map(|way| asked(&world, &student(1), way));
        eventually("both wait", async || world.subscriptions().count(&1) == 2).await;
        world.host.draining().cancel();
        assert_eq!(status(page).await, 404);
        let stream = timeout(PATIENCE, stream).await.unwrap().unwrap();
        assert_eq!(stream.status(), 200);
        assert!(timeout(PATIENCE, stream.into_body().into_data_stream().next()).await.unwrap().is_none());
    });
}
