//! The page of a match, fed by events in all orders, on real stores.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod following;
mod reads;
mod waiting;
mod whose;

use std::sync::Arc;
use std::time::Duration;

use ambient::{Ids, ManualClock, SystemClock, Timestamp};
use axum::body::Body;
use axum::http::{Request, Response};
use axum::{Extension, Router};
use chassis::page::PageRequest;
use chassis::{Host, Principal, Scope};
use clap::Parser;
use context::{Config, Context, List, Live, LiveLimits, Projector, Repository, Subscriptions};
use events::{Envelope, EventSet, encode};
use match_contract::{MatchCanceled, MatchEvent, MatchRequested, Step};
use messaging::{BatchOutcome, EventHandler, Messaging, Record, RecordPosition};
use mypage_service::{MyPage, MyPages};
use payment_contract::{PaymentApproved, PaymentCanceled, PaymentEvent};
use store::Store;
use test_stores::random::{cases, deliveries, one};
use test_stores::{TestStore, on_each_store};
use tokio::time::timeout;
use tower::ServiceExt;
use visit_contract::{VisitAssigned, VisitCanceled, VisitEvent};

const BY_ID: List<1> = List::new("true", ["id"]);

/// One process of the mypage context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    pages: Repository<MyPage>,
    live: Live<MyPage>,
    policies: Arc<Projector<MyPage>>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        Self::waiting(place, Duration::from_millis(50)).await
    }

    /// Requests wait for a page for `live_wait` at most.
    async fn waiting(place: &TestStore, live_wait: Duration) -> Self {
        let store = place.open(&[messaging::MIGRATIONS, MyPages::MIGRATIONS]).await;
        let ids = Arc::new(Ids::from_entropy(Arc::new(SystemClock)));
        let host = Host::new(Arc::new(ManualClock::at(Timestamp::from_micros(1))), ids);
        let config = Config::<LiveLimits>::parse_from(["mypage", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, MyPages::NAME, &store, &host);
        let pages = Repository::new(&store, messaging.outbox(), host.clock());
        let live = Live::new(pages.clone(), &host, &LiveLimits { live_streams: 10, live_waiting: 10, live_wait });
        let policies = Arc::new(Projector::new(pages.clone()).notifying(live.subscriptions()));
        Self { store, host, messaging, pages, live, policies }
    }

    fn subscriptions(&self) -> &Arc<Subscriptions<i64>> {
        self.live.subscriptions()
    }

    async fn ask(&self, principal: &Principal, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let routes = Router::from(MyPages::handlers()).with_state(self.live.clone());
        let service: Router =
            chassis::router(routes.layer(Extension(principal.clone())), &self.host, &chassis::Config::default());
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        service.oneshot(request.body(Body::empty()).expect("a request")).await.expect("an answer")
    }

    /// The page of a match, without the order of its steps.
    async fn page(&self, id: i64) -> Option<MyPage> {
        self.pages.find(&id, &Scope::All).await.unwrap().map(unordered)
    }

    /// The first pages, without the order of their steps, and whether more follow.
    async fn all(&self) -> (Vec<MyPage>, bool) {
        let request = PageRequest { size: 100, after: None };
        let (pages, next) = self.pages.page(&BY_ID, &Scope::All, &request).await.unwrap();
        (pages.into_iter().map(unordered).collect(), next.is_some())
    }

    /// As a rebuild does it.
    async fn empty(&self) {
        let mut tx = self.store.begin().await.unwrap();
        assert!(self.policies.clear(&mut tx).await.unwrap());
        sqlx::query("DELETE FROM inbox").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn take(&self, records: Vec<Record>) -> BatchOutcome {
        let taken = self.messaging.process(&self.policies, records).await;
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
    let (id, subject) = (format!("{kind} {data}"), event.key().to_string());
    let envelope = Envelope { id, source: format!("/test/{}", E::CONTEXT), kind, subject, time, trace: None, data };
    Record::carrying(&envelope, RecordPosition { topic: format!("test.{}", E::CONTEXT), partition: 0, offset: 0 })
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
            record(
                &VisitEvent::VisitAssigned(VisitAssigned { match_id, attempt, teacher, visit_date, tutor: None }),
                time,
            )
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

/// The page at the end of it, without the order of its steps.
fn end(id: i64) -> MyPage {
    let at = |step| Some(at(2, step));
    MyPage {
        id,
        attempt: 2,
        student: Some(student_of(2)),
        price: Some(200),
        teacher: Some("tutor 2".into()),
        visit_date: Some("2021-01-21".into()),
        match_requested_at: at(Step::MatchRequested),
        payment_approved_at: at(Step::PaymentApproved),
        visit_assigned_at: at(Step::VisitAssigned),
        ..MyPage::default()
    }
}

fn unordered(page: MyPage) -> MyPage {
    MyPage { step_order: String::new(), ..page }
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
            assert_eq!(world.page(id).await, Some(end(id)), "{batches:?}");
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
        assert_eq!(worlds[0].all().await, ((1..=12).map(end).collect(), false));
    });
}

#[test]
fn a_view_that_was_emptied_is_equal_to_what_it_was_once_it_has_heard_all_again() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let all: Vec<Record> = (1..=5).flat_map(story).collect();
        world.take(all.clone()).await;
        let before = world.all().await;
        world.empty().await;
        assert_eq!(world.all().await, (vec![], false));
        for batch in one(deliveries(all)) {
            world.take(batch).await;
        }
        assert_eq!(world.all().await, before);
    });
}

#[test]
fn an_open_stream_hears_of_its_page_after_the_commit_and_of_no_repetition() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let (mine, other) = (world.subscriptions().stream(1).unwrap(), world.subscriptions().stream(2).unwrap());
        let (heard, unheard) = (mine.next(), other.next());
        world.take(vec![said(1, 1, Step::MatchRequested)]).await;
        timeout(Duration::from_secs(5), heard).await.unwrap();
        assert!(timeout(Duration::from_millis(10), unheard).await.is_err());
        let heard = mine.next();
        world.take(vec![said(1, 1, Step::MatchRequested)]).await;
        assert!(timeout(Duration::from_millis(10), heard).await.is_err());
    });
}
