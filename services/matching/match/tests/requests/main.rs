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
mod settling;
mod versions;
mod watching;
mod whose;

use std::sync::Arc;
use std::time::Duration;

use ambient::{Ids, ManualClock, SystemClock, Timestamp};
use chassis::{Host, Scope};
use clap::Parser;
use events::{EventSet, TraceContext, decode};
use match_contract::{MatchEvent, Step};
use match_domain::{Case, Established, MatchId, Offer, Price};
use match_service::{App, Config, MIGRATIONS, MatchStore, Recovery, Requested};
use messaging::Messaging;
use store::{Store, idempotency};
use test_stores::Place;
use tokio::sync::Notify;

use payments::Scripted;

/// When all tests take place.
const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// How long a request may be undecided.
const SETTLE_AFTER: Duration = Duration::from_secs(3);

/// One process of the match context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    matches: MatchStore,
    payments: Arc<Scripted>,
    clock: Arc<ManualClock>,
    app: Arc<App>,
    recovery: Arc<Recovery>,
    woken: Arc<Notify>,
}

impl World {
    async fn on(place: &Place) -> Self {
        Self::with(place, Arc::default(), Arc::new(ManualClock::at(NOW))).await
    }

    /// Another process on the same store, in the same world.
    async fn another(&self, place: &Place) -> Self {
        Self::with(place, Arc::clone(&self.payments), Arc::clone(&self.clock)).await
    }

    async fn with(place: &Place, payments: Arc<Scripted>, clock: Arc<ManualClock>) -> Self {
        let store = place.open(&[messaging::MIGRATIONS, idempotency::MIGRATIONS, MIGRATIONS]).await;
        let host = Host::new(clock.clone(), Arc::new(Ids::from_entropy(Arc::new(SystemClock))));
        let config = Config::parse_from(["match", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, "match", &store, &host);
        let matches = MatchStore::new(&store, messaging.outbox());
        let recovery = Recovery::new(matches.clone(), payments.clone(), clock.clone(), Duration::from_secs(1));
        let woken = recovery.wake();
        let app = App::new(matches.clone(), payments.clone(), woken.clone(), clock.clone(), host.ids(), SETTLE_AFTER);
        let (app, recovery) = (Arc::new(app), Arc::new(recovery));
        Self { store, host, messaging, matches, payments, clock, app, recovery, woken }
    }

    fn trace(&self) -> TraceContext {
        TraceContext::new(&self.host.ids())
    }

    async fn request(&self, number: i64, offer: i64) -> Requested {
        self.app.request(id(number), &by_anybody(offer), self.trace()).await.unwrap()
    }

    /// In the background, as a request that its client waits for.
    fn requesting(&self, number: i64, offer: i64) -> tokio::task::JoinHandle<Requested> {
        let world = self.clone();
        tokio::spawn(async move { world.request(number, offer).await })
    }

    /// What whoever may see all is shown of a match.
    async fn shown(&self, number: i64) -> Option<Established> {
        self.app.find(id(number), &Scope::All).await.unwrap()
    }

    /// All that the context has said.
    async fn said(&self) -> Vec<MatchEvent> {
        let sql = "SELECT kind, data FROM outbox ORDER BY seq";
        let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(self.store.reader()).await.unwrap();
        let events: Vec<MatchEvent> =
            rows.iter().map(|(kind, data)| decode(kind, data).unwrap().expect("an event of ours")).collect();
        assert!(events.iter().all(|event| event.correlation_id() > 0));
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
fn first(number: i64, offer: i64) -> Case {
    Case { id: id(number), attempt: NOW.as_micros(), price: price(offer), student: None }
}

fn requested(case: Case) -> Established {
    Established { case, step: Step::MatchRequested }
}

/// What is said of an attempt once it is paid.
fn event(case: Case) -> MatchEvent {
    MatchEvent::MatchRequested(case.establish().1)
}
