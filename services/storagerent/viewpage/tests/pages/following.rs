//! Pages that are followed live.

use std::time::Duration;

use axum::body::BodyDataStream;
use chassis::Principal;
use context::VersionVector;
use futures_util::StreamExt;
use serde_json::Value;
use test_stores::on_each_store;
use test_stores::random::{cases, deliveries};
use tokio::time::timeout;

use crate::{World, cancelled, modified, registered, reserved, reviewed, story};

const PATIENCE: Duration = Duration::from_secs(10);

/// An open live stream.
struct Stream {
    body: BodyDataStream,
    text: String,
}

/// A message of it.
#[derive(Debug, Clone, PartialEq)]
struct Message {
    id: String,
    event: String,
    page: Value,
}

impl Stream {
    async fn open(world: &World, room: i64, last: Option<&str>) -> Self {
        let last = last.map(|last| ("last-event-id", last));
        let path = format!("/storageviews/{room}/events");
        let response = world.get(&Principal::Unauthenticated, &path, last.as_slice()).await;
        assert_eq!(response.status(), 200, "{last:?}");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    async fn next(&mut self) -> Message {
        timeout(PATIENCE, self.read()).await.expect("the stream is silent")
    }

    async fn read(&mut self) -> Message {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                if let (Some(id), Some(event), Some(data)) = (field("id: "), field("event: "), field("data: ")) {
                    return Message { id, event, page: serde_json::from_str(&data).unwrap() };
                }
            }
            let chunk = self.body.next().await.expect("the stream has ended").unwrap();
            self.text.push_str(str::from_utf8(&chunk).unwrap());
        }
    }
}

async fn shown(world: &World, room: i64) -> Value {
    let response = world.get(&Principal::Unauthenticated, &format!("/storageviews/{room}"), &[]).await;
    serde_json::from_slice(&axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap()).unwrap()
}

#[test]
fn an_open_stream_has_the_page_at_once_and_then_after_each_change() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.consume(vec![registered(1)]).await;
        let mut stream = Stream::open(&world, 1, None).await;
        let first = stream.next().await;
        assert_eq!((first.event.as_str(), &first.page), ("changed", &shown(&world, 1).await));
        let changes = [&reserved(1, 1)[..], &[reviewed(1), modified(1)], &cancelled(1, 1), &reserved(1, 2)].concat();
        for change in changes {
            world.consume(vec![change]).await;
            assert_eq!(stream.next().await.page, shown(&world, 1).await);
        }
        // Late events and repetitions change nothing. The next message is that of the next change.
        world.consume(cancelled(1, 1).to_vec()).await;
        world.consume(story(1)).await;
        world.consume(cancelled(1, 2)[..1].to_vec()).await;
        let message = stream.next().await;
        assert_eq!(message.page["reservationStatus"], "reqCancel");
        assert_eq!(message.page, shown(&world, 1).await);
    });
}

#[test]
fn a_stream_continues_after_the_last_message_at_any_replica_and_after_a_rebuild() {
    on_each_store(async |place| {
        let worlds = [World::on(place).await, World::on(place).await];
        let indices: Vec<usize> = (0..story(1).len()).collect();
        let lives = (deliveries(indices.clone()), 0..15_usize, deliveries(indices));
        for (room, (before, rebuilt_after, after)) in (1..).zip(cases(12, lives)) {
            let (story, mut received, mut turn) = (story(room), Vec::<Message>::new(), 0_usize);
            let lives = [before.into_iter().take(rebuilt_after).collect(), after];
            for (life, batches) in lives.into_iter().enumerate() {
                if life == 1 {
                    worlds[0].empty().await;
                }
                for batch in batches {
                    turn += 1;
                    worlds[turn % 2].consume(batch.iter().map(|index| story[*index].clone()).collect()).await;
                    let last = received.last().map(|message| message.id.as_str());
                    let version: VersionVector = last.unwrap_or("0").parse().unwrap();
                    let page = worlds[0].page(room).await.unwrap();
                    if last.is_none() || is_later(&page, &version) {
                        let message = Stream::open(&worlds[turn / 2 % 2], room, last).await.next().await;
                        assert_eq!(message.page, shown(&worlds[0], room).await);
                        received.push(message);
                    }
                }
            }
            let versions: Vec<VersionVector> = received.iter().map(|message| message.id.parse().unwrap()).collect();
            assert!(versions.is_sorted_by(|one, next| next.is_later_than(one)), "{received:?}");
            let last = received.last().unwrap();
            assert_eq!(last.page, shown(&worlds[0], room).await, "the last change is received");
            // Nothing follows it: the next message is that of the next change.
            let mut stream = Stream::open(&worlds[0], room, Some(&last.id)).await;
            assert!(timeout(Duration::from_millis(20), stream.read()).await.is_err());
            worlds[1].consume(cancelled(room, 2).to_vec()).await;
            assert_eq!(stream.next().await.page["storageStatus"], "available", "of another replica, too");
        }
    });
}

fn is_later(page: &viewpage_service::StorageView, version: &VersionVector) -> bool {
    use context::Versioned;
    viewpage_service::PageDocument::version(page).is_later_than(version)
}

#[test]
fn a_text_that_is_the_id_of_no_message_is_refused() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.consume(vec![registered(1)]).await;
        for last in ["x", "1.-1", "711-03"] {
            let last = [("last-event-id", last)];
            let response = world.get(&Principal::Unauthenticated, "/storageviews/1/events", &last).await;
            assert_eq!(response.status(), 400, "{last:?}");
        }
    });
}
