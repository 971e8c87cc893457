//! The page of a match, fed by events in all orders, on real stores.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod whose;

mod reads;

use std::sync::Arc;
use std::time::Duration;

use ambient::{Ids, ManualClock, SystemClock, Timestamp};
use chassis::{Host, Scope};
use clap::Parser;
use events::{Envelope, EventSet, encode};
use match_contract::{MatchCanceled, MatchEvent, MatchRequested, Step};
use messaging::{Messaging, Place as Position, Policies, Record, Taken};
use mypage_domain::MyPage;
use mypage_service::{Changes, Config, MIGRATIONS, MyPagePolicies, MyPageStore};
use payment_contract::{PaymentApproved, PaymentCanceled, PaymentEvent};
use store::Store;
use test_stores::random::{cases, deliveries, one};
use test_stores::{Place, on_each_store};
use tokio::time::timeout;
use visit_contract::{VisitAssigned, VisitCanceled, VisitEvent};

/// One process of the mypage context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    pages: MyPageStore,
    changes: Arc<Changes>,
    policies: Arc<MyPagePolicies>,
}

impl World {
    async fn on(place: &Place) -> Self {
        let store = place.open(&[messaging::MIGRATIONS, MIGRATIONS]).await;
        let ids = Arc::new(Ids::from_entropy(Arc::new(SystemClock)));
        let host = Host::new(Arc::new(ManualClock::at(Timestamp::from_micros(1))), ids);
        let config = Config::parse_from(["mypage", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, "mypage", &store, &host);
        let (pages, changes) = (MyPageStore::new(&store), Arc::new(Changes::new(10)));
        let policies = Arc::new(MyPagePolicies::new(pages.clone(), Arc::clone(&changes)));
        Self { store, host, messaging, pages, changes, policies }
    }

    async fn take(&self, records: Vec<Record>) -> Taken {
        let taken = self.messaging.take(&self.policies, records).await;
        assert_eq!(taken.dead, 0);
        taken
    }
}

/// Each attempt has a student of its own.
fn student_of(attempt: i64) -> String {
    format!("student {attempt}")
}

/// When a step of an attempt happened.
fn at(attempt: i64, step: Step) -> Timestamp {
    Timestamp::from_micros(attempt * 10 + step as i64)
}

fn record<E: EventSet>(event: &E, time: Timestamp) -> Record {
    let (kind, data) = encode(event).unwrap();
    let (id, subject) = (format!("{kind} {data}"), event.correlation_id().to_string());
    let envelope = Envelope { id, source: format!("/test/{}", E::CONTEXT), kind, subject, time, trace: None, data };
    Record::carrying(&envelope, Position { topic: format!("test.{}", E::CONTEXT), partition: 0, offset: 0 })
}

/// What is said when an attempt comes as far as this step.
fn said(id: i64, attempt: i64, step: Step) -> Record {
    let (match_id, price, time) = (id, attempt * 100, at(attempt, step));
    match step {
        Step::MatchRequested => {
            let student = Some(student_of(attempt));
            record(&MatchEvent::MatchRequested(MatchRequested { id, attempt, price, student }), time)
        }
        Step::PaymentApproved => {
            record(&PaymentEvent::PaymentApproved(PaymentApproved { match_id, attempt, price }), time)
        }
        Step::VisitAssigned => {
            let (teacher, visit_date) = (format!("tutor {attempt}"), "2021-01-21".to_owned());
            record(&VisitEvent::VisitAssigned(VisitAssigned { match_id, attempt, teacher, visit_date }), time)
        }
        Step::MatchCanceled => record(&MatchEvent::MatchCanceled(MatchCanceled { id, attempt }), time),
        Step::PaymentCanceled => {
            record(&PaymentEvent::PaymentCanceled(PaymentCanceled { match_id, attempt, price }), time)
        }
        Step::VisitCanceled => record(&VisitEvent::VisitCanceled(VisitCanceled { match_id, attempt }), time),
    }
}

/// Two attempts at a match: all of the first, and the second as far as its visit.
fn story(id: i64) -> Vec<Record> {
    let first = Step::ALL.map(|step| said(id, 1, step));
    let second = Step::ALL[..3].iter().map(|step| said(id, 2, *step));
    first.into_iter().chain(second).collect()
}

/// The page at the end of it.
fn end(id: i64) -> MyPage {
    let mut happened = [None; 6];
    for step in &Step::ALL[..3] {
        happened[*step as usize] = Some(at(2, *step));
    }
    let (teacher, visit_date) = (Some("tutor 2".into()), Some("2021-01-21".into()));
    MyPage { id, attempt: 2, student: Some(student_of(2)), price: Some(200), teacher, visit_date, happened }
}

#[test]
fn all_orders_and_repetitions_of_what_others_say_end_in_one_page() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let indices: Vec<usize> = (0..story(1).len()).collect();
        for (id, batches) in (1..).zip(cases(40, deliveries(indices))) {
            let (story, mut applied) = (story(id), 0);
            for batch in &batches {
                applied += world.take(batch.iter().map(|index| story[*index].clone()).collect()).await.applied;
            }
            assert_eq!(world.pages.find(id, &Scope::All).await.unwrap(), Some(end(id)), "{batches:?}");
            assert_eq!(applied, story.len(), "{batches:?}");
        }
    });
}

#[test]
fn two_processes_that_take_the_same_events_in_other_orders_end_in_the_same_pages() {
    on_each_store(async |place| {
        let worlds = [World::on(place).await, World::on(place).await];
        let all: Vec<Record> = (1..=12).flat_map(story).collect();
        let mut takers = vec![];
        for world in &worlds {
            let (world, batches) = (world.clone(), one(deliveries(all.clone())));
            takers.push(tokio::spawn(async move {
                for batch in batches {
                    world.take(batch).await;
                }
            }));
        }
        for taker in takers {
            taker.await.unwrap();
        }
        let page = worlds[0].pages.page(&Scope::All, 0, 100).await.unwrap();
        assert_eq!((page.items, page.more), ((1..=12).map(end).collect(), false));
    });
}

#[test]
fn a_view_that_was_emptied_is_equal_to_what_it_was_once_it_has_heard_all_again() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let all: Vec<Record> = (1..=5).flat_map(story).collect();
        world.take(all.clone()).await;
        let before = world.pages.page(&Scope::All, 0, 100).await.unwrap();
        let mut tx = world.store.begin().await.unwrap();
        assert!(world.policies.clear(&mut tx).await.unwrap());
        sqlx::query("DELETE FROM inbox").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(world.pages.page(&Scope::All, 0, 100).await.unwrap().items, []);
        for batch in one(deliveries(all)) {
            world.take(batch).await;
        }
        assert_eq!(world.pages.page(&Scope::All, 0, 100).await.unwrap(), before);
    });
}

#[test]
fn an_open_stream_hears_of_its_page_after_the_commit_and_of_no_repetition() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let (mine, other) = (world.changes.watch(1).unwrap(), world.changes.watch(2).unwrap());
        let (heard, unheard) = (mine.next(), other.next());
        world.take(vec![said(1, 1, Step::MatchRequested)]).await;
        timeout(Duration::from_secs(5), heard).await.unwrap();
        assert!(timeout(Duration::from_millis(10), unheard).await.is_err());
        let heard = mine.next();
        world.take(vec![said(1, 1, Step::MatchRequested)]).await;
        assert!(timeout(Duration::from_millis(10), heard).await.is_err());
    });
}
