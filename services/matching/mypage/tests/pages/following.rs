//! Pages that are followed live, over HTTP.

use std::time::Duration;

use axum::body::BodyDataStream;
use chassis::{Principal, Scope};
use context::{Position, StepLog};
use futures_util::StreamExt;
use match_contract::Step;
use messaging::Record;
use serde_json::{Value, json};
use test_stores::random::{cases, deliveries};
use test_stores::{TestStore, on_each_store};
use tokio::time::timeout;

use crate::whose::student;
use crate::{World, at, said, story};

const PATIENCE: Duration = Duration::from_secs(10);

/// An open live stream.
struct Live {
    body: BodyDataStream,
    text: String,
}

/// A message of it.
#[derive(Debug, Clone, PartialEq)]
struct Message {
    id: String,
    event: String,
    data: Value,
}

impl Live {
    async fn open(world: &World, id: i64, last: Option<&str>) -> Self {
        let last = last.map(|last| ("last-event-id", last));
        let answer = world.ask(&Principal::Unauthenticated, &format!("/myPages/{id}/events"), last.as_slice()).await;
        assert_eq!(answer.status(), 200, "{last:?}");
        Self { body: answer.into_body().into_data_stream(), text: String::new() }
    }

    async fn next(&mut self) -> Message {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let prefix = format!("{name}: ");
                    block.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
                };
                if let (Some(id), Some(event), Some(data)) = (field("id"), field("event"), field("data")) {
                    return Message { id, event, data: serde_json::from_str(&data).unwrap() };
                }
                continue;
            }
            let chunk = timeout(PATIENCE, self.body.next()).await.expect("the stream is silent");
            self.text.push_str(str::from_utf8(&chunk.expect("the stream has ended").unwrap()).unwrap());
        }
    }
}

async fn log(world: &World, id: i64) -> StepLog {
    let found = world.pages.find(&id, &Scope::All).await.unwrap();
    found.unwrap_or_default().log()
}

/// The attempt and the step that a message is about.
fn about(id: i64, message: &Message) -> (i64, Step) {
    let step = Step::named(&message.event).unwrap();
    let told = [1, 2].into_iter().find(|attempt| at(*attempt, step).to_string() == message.data["at"]);
    assert_eq!((message.data["id"].as_i64(), &message.data["status"]), (Some(id), &json!(step.name())));
    (told.unwrap(), step)
}

/// Somebody who follows a page, reads some messages from any replica, and comes again with the id of the last one.
#[derive(Default)]
struct Follower {
    last: Option<String>,
    told: Vec<Message>,
}

impl Follower {
    async fn read(&mut self, world: &World, id: i64, most: usize) {
        let seen = self.last.as_deref().map_or_else(Position::default, |last| last.parse().unwrap());
        let untold = log(world, id).await.after(seen).len();
        if untold.min(most) == 0 {
            return;
        }
        let mut live = Live::open(world, id, self.last.as_deref()).await;
        for _ in 0..untold.min(most) {
            let message = live.next().await;
            self.last = Some(message.id.clone());
            self.told.push(message);
        }
    }

    /// Both attempts of [`story`] are known by now.
    async fn was_told_each_step_once(&self, world: &World, id: i64) {
        let mut about: Vec<(i64, Step)> = self.told.iter().map(|message| about(id, message)).collect();
        assert!(about.is_sorted_by_key(|(attempt, _)| *attempt), "{about:?}");
        about.sort_unstable();
        assert!(about.is_sorted_by(|one, next| one < next), "told twice: {about:?}");
        let second: Vec<Step> = about.into_iter().filter(|(attempt, _)| *attempt == 2).map(|(_, step)| step).collect();
        assert_eq!(second, Step::ALL[..3]);
        let mut last = self.told.last().unwrap().data.clone();
        last["status"] = last["pageStatus"].take();
        last.as_object_mut().unwrap().retain(|name, _| !["pageStatus", "at"].contains(&name.as_str()));
        let page = world.ask(&Principal::Unauthenticated, &format!("/myPages/{id}"), &[]).await;
        let page = axum::body::to_bytes(page.into_body(), 1 << 16).await.unwrap();
        assert_eq!(last, serde_json::from_slice::<Value>(&page).unwrap());
    }
}

#[test]
fn every_order_of_steps_is_told_once_by_all_replicas_across_reconnects_and_a_rebuild() {
    on_each_store(async |place| {
        let worlds = [World::on(place).await, World::on(place).await];
        let indices: Vec<usize> = (0..story(1).len()).collect();
        let lives = (deliveries(indices.clone()), 0..12_usize, deliveries(indices));
        for (id, (before, rebuilt_after, after)) in (1..).zip(cases(12, lives)) {
            let (story, mut follower, mut turn) = (story(id), Follower::default(), 0_usize);
            let mut live = None;
            let lives = [(true, before.into_iter().take(rebuilt_after).collect()), (false, after)];
            for (is_rebuilt, batches) in lives {
                for batch in batches {
                    turn += 1;
                    let batch: Vec<Record> = batch.iter().map(|index| story[*index].clone()).collect();
                    worlds[turn % 2].take(batch).await;
                    follower.read(&worlds[turn / 2 % 2], id, turn % 3).await;
                    if live.is_none() {
                        live = Some(Live::open(&worlds[0], id, None).await);
                    }
                }
                if is_rebuilt {
                    worlds[0].empty().await;
                }
            }
            follower.read(&worlds[0], id, usize::MAX).await;
            follower.was_told_each_step_once(&worlds[1], id).await;
            // One that never breaks off.
            let (mut live, mut open) = (live.unwrap(), Follower::default());
            while open.told.iter().filter(|told| about(id, told).0 == 2).count() < 3 {
                open.told.push(live.next().await);
            }
            open.was_told_each_step_once(&worlds[1], id).await;
        }
    });
}

#[test]
fn a_payment_that_is_cancelled_after_the_visit_is_told_live_and_to_whoever_comes_again() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let order =
            ["paymentApproved", "matchRequested", "visitAssigned", "matchCanceled", "visitCanceled", "paymentCanceled"];
        let mut told: Vec<Message> = Vec::new();
        let mut live = None;
        for step in order {
            world.take(vec![said(1, 1, Step::named(step).unwrap())]).await;
            if live.is_none() {
                live = Some(Live::open(&world, 1, None).await);
            }
            told.push(live.as_mut().unwrap().next().await);
        }
        assert_eq!(told.iter().map(|message| &*message.event).collect::<Vec<_>>(), order);
        assert_eq!(told[5].data["pageStatus"], "visitCanceled");
        for seen in 1..order.len() {
            let mut again = Live::open(&world, 1, Some(&told[seen - 1].id)).await;
            for missed in &told[seen..] {
                let message = again.next().await;
                assert_eq!((&message.id, &message.event), (&missed.id, &missed.event));
            }
        }
    });
}

/// What a replica of the version before writes: all but the order.
async fn write_without_order(world: &World, id: i64, steps: &[Step]) {
    let columns = ["match_requested_at", "payment_approved_at", "visit_assigned_at"];
    for step in steps {
        let (column, at) = (columns[*step as usize], at(1, *step).as_micros());
        let sql = format!(
            "INSERT INTO my_pages (id, attempt, {column}) VALUES ({id}, 1, {at}) \
             ON CONFLICT (id) DO UPDATE SET attempt = 1, {column} = {at}"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(world.store.writer()).await.unwrap();
    }
}

#[test]
fn pages_and_ids_of_the_version_before_go_on() {
    on_each_store(async |place: &TestStore| {
        let world = World::on(place).await;
        write_without_order(&world, 1, &Step::ALL[..2]).await;
        let mut live = Live::open(&world, 1, None).await;
        assert_eq!([live.next().await.event, live.next().await.event], ["matchRequested", "paymentApproved"]);
        // During an update both write.
        world.take(vec![said(1, 1, Step::MatchCanceled)]).await;
        let canceled = live.next().await;
        write_without_order(&world, 1, &Step::ALL[2..3]).await;
        assert_eq!([canceled.event, live.next().await.event], ["matchCanceled", "visitAssigned"]);
        world.take(vec![said(1, 1, Step::VisitCanceled)]).await;
        assert_eq!(log(&world, 1).await.record(), "12436");
        let mut again = Live::open(&world, 1, Some("1-3")).await;
        assert_eq!([again.next().await.event, again.next().await.event], ["matchCanceled", "visitCanceled"]);
        for wrong in ["nonsense", "1-7", "103-03", "é"] {
            let answer = world.ask(&student(1), "/myPages/1/events", &[("last-event-id", wrong)]).await;
            assert_eq!(answer.status(), 400, "{wrong}");
        }
    });
}
