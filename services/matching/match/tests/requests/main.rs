//! Requests for matches on real stores, with a payment that does as the test tells it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod calling;
mod canceling;
mod grpc;
mod http;
mod interactions;
mod keys;
mod news;
mod payments;
mod racing;
mod reads;
mod requesting;
mod saga;
mod settling;
mod versions;
mod watching;
mod whose;

use std::sync::Arc;
use std::time::Duration;

use ambient::{Ids, ManualClock, SystemClock, Timestamp};
use axum::Router;
use axum::http::Method;
use chassis::{Host, Principal, Scope};
use clap::Parser;
use context::saga::{RequestOutcomeOf, Requests, Saga};
use context::{Context, Repository};
use events::{EventSet, TraceContext, decode};
use match_contract::MatchEvent;
use match_domain::{Established, Match, MatchAttempt, MatchId, Offer, Price};
use match_service::{MatchRow, Matches, RequestSaga, Settings};
use messaging::Messaging;
use serde_json::json;
use store::Store;
use test_stores::TestStore;

use payments::Scripted;

/// When all tests take place.
const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// How long a request may be undecided.
const COMPENSATE_AFTER: Duration = Duration::from_secs(3);

type Config = context::Config<Settings>;

type RequestOutcome = RequestOutcomeOf<RequestSaga>;

/// One process of the match context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    matches: Repository<MatchRow>,
    payments: Arc<Scripted>,
    clock: Arc<ManualClock>,
    requests: Requests<RequestSaga>,
    saga: Arc<Saga<RequestSaga>>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        Self::with(place, Arc::default(), Arc::new(ManualClock::at(NOW))).await
    }

    /// Another process on the same store, in the same world.
    async fn another(&self, place: &TestStore) -> Self {
        Self::with(place, Arc::clone(&self.payments), Arc::clone(&self.clock)).await
    }

    async fn with(place: &TestStore, payments: Arc<Scripted>, clock: Arc<ManualClock>) -> Self {
        let store = place.open(&context::migrations::<Matches>()).await;
        let host = Host::new(clock.clone(), Arc::new(Ids::from_entropy(Arc::new(SystemClock))));
        let config = Config::parse_from(["match", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, "match", &store, &host);
        let matches = Repository::new(&store, messaging.outbox(), clock.clone());
        let saga = Saga::new(vec![payments.clone()], &store, messaging.outbox(), &host, COMPENSATE_AFTER).unwrap();
        let saga = Arc::new(saga);
        let requests = Requests::new(saga.clone(), matches.clone(), &host);
        Self { store, host, messaging, matches, payments, clock, requests, saga }
    }

    /// REST.
    fn routes(&self) -> Router {
        Router::from(Matches::handlers()).with_state(self.requests.clone())
    }

    /// The requests of another process, with these ids.
    fn requests_with(&self, ids: Ids) -> Requests<RequestSaga> {
        Requests::new(self.saga.clone(), self.matches.clone(), &Host::new(self.clock.clone(), Arc::new(ids)))
    }

    /// Cancels a match over HTTP. `None`: there is no such match.
    async fn cancel(&self, number: i64) -> Option<Established> {
        let body = json!({ "status": "cancel" });
        let request = whose::send(Method::PATCH, &format!("/matches/{number}"), &body);
        let (status, _) = whose::ask(self, &Principal::Unauthenticated, request).await;
        if status == 404 { None } else { self.shown(number).await }
    }

    /// The match of that id, in any phase.
    async fn find(&self, number: i64) -> Option<Match> {
        self.matches.find(&number, &Scope::All).await.unwrap()
    }

    fn trace(&self) -> TraceContext {
        TraceContext::new(&self.host.ids())
    }

    async fn request(&self, number: i64, offer: i64) -> RequestOutcome {
        self.requests.request(id(number), &by_anybody(offer), self.trace()).await.unwrap()
    }

    /// In the background, as a request that its client waits for.
    fn requesting(&self, number: i64, offer: i64) -> tokio::task::JoinHandle<RequestOutcome> {
        let world = self.clone();
        tokio::spawn(async move { world.request(number, offer).await })
    }

    /// An attempt that its process leaves behind before it calls payment.
    async fn begin(&self, attempt: &MatchAttempt, settle_at: Timestamp) {
        let sql = "INSERT INTO matches (id, attempt, price, phase, step, settle_at, student) \
                   VALUES ($1, $2, $3, 'pending', '', $4, $5)";
        let query = sqlx::query(sql).bind(attempt.id.get()).bind(attempt.number).bind(attempt.price.get());
        let query = query.bind(settle_at.as_micros()).bind(attempt.student.as_deref());
        query.execute(self.store.writer()).await.unwrap();
    }

    /// What an operator sees of a match.
    async fn shown(&self, number: i64) -> Option<Established> {
        self.find(number).await.as_ref().and_then(Match::established).cloned()
    }

    /// All that the context has said.
    async fn said(&self) -> Vec<MatchEvent> {
        let sql = "SELECT kind, data FROM outbox ORDER BY seq";
        let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(self.store.reader()).await.unwrap();
        let events: Vec<MatchEvent> =
            rows.iter().map(|(kind, data)| decode(kind, data).unwrap().expect("an event of ours")).collect();
        assert!(events.iter().all(|event| event.key() > 0));
        events
    }

    /// Attempts at matches, in whatever phase, that the store knows.
    async fn traces(&self) -> i64 {
        sqlx::query_scalar("SELECT COUNT(*) FROM matches").fetch_one(self.store.reader()).await.unwrap()
    }
}

fn id(number: i64) -> MatchId {
    MatchId::new(number).unwrap()
}

fn price(offer: i64) -> Price {
    Price::new(offer).unwrap()
}

/// As long as the fleet runs open.
fn by_anybody(offer: i64) -> Offer {
    Offer { price: price(offer), student: None }
}

/// The first attempt at a match, while the clock stands still.
fn first(number: i64, offer: i64) -> MatchAttempt {
    MatchAttempt { id: id(number), number: NOW.as_micros(), price: price(offer), student: None }
}

fn requested(attempt: MatchAttempt) -> Established {
    Established::from(attempt)
}

/// The event of an attempt that is paid.
fn event(attempt: &MatchAttempt) -> MatchEvent {
    MatchEvent::MatchRequested(attempt.requested())
}
