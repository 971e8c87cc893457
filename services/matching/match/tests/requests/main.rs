//! Requests for matches on real stores, with a payment that does as the test tells it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod asks;
mod calling;
mod canceling;
mod grpc;
mod http;
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
use chassis::{Host, Scope};
use clap::Parser;
use context::saga::Saga;
use events::{EventSet, TraceContext, decode};
use match_contract::MatchEvent;
use match_domain::{Established, MatchAttempt, MatchId, Offer, Price};
use match_service::{Config, MIGRATIONS, MatchStore, RequestOutcome, RequestSaga, UseCases};
use messaging::Messaging;
use store::{Store, idempotency};
use test_stores::TestStore;

use payments::Scripted;

/// When all tests take place.
const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// How long a request may be undecided.
const COMPENSATE_AFTER: Duration = Duration::from_secs(3);

/// One process of the match context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    matches: MatchStore,
    payments: Arc<Scripted>,
    clock: Arc<ManualClock>,
    use_cases: Arc<UseCases>,
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
        let store = place.open(&[messaging::MIGRATIONS, idempotency::MIGRATIONS, MIGRATIONS]).await;
        let host = Host::new(clock.clone(), Arc::new(Ids::from_entropy(Arc::new(SystemClock))));
        let config = Config::parse_from(["match", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, "match", &store, &host);
        let matches = MatchStore::new(&store, messaging.outbox());
        let saga = Saga::new(vec![payments.clone()], &store, messaging.outbox(), &host, COMPENSATE_AFTER).unwrap();
        let saga = Arc::new(saga);
        let use_cases = Arc::new(UseCases::new(matches.clone(), saga.clone(), clock.clone(), host.ids()));
        Self { store, host, messaging, matches, payments, clock, use_cases, saga }
    }

    fn trace(&self) -> TraceContext {
        TraceContext::new(&self.host.ids())
    }

    async fn request(&self, number: i64, offer: i64) -> RequestOutcome {
        self.use_cases.request(id(number), &by_anybody(offer), self.trace()).await.unwrap()
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
        self.use_cases.find(id(number), &Scope::All).await.unwrap()
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
    Established::new(attempt)
}

/// The event of an attempt that is paid.
fn event(attempt: &MatchAttempt) -> MatchEvent {
    MatchEvent::MatchRequested(attempt.requested())
}
