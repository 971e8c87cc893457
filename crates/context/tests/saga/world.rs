//! Replicas of a context on one store, and what must hold of every attempt.

use std::collections::BTreeSet;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use ambient::{Ids, ManualClock, Timestamp};
use chassis::Host;
use clap::Parser;
use context::saga::{Definition, OutcomeOf};
use context::saga::{Outcome, Participant, Saga, State, transitions};
use events::{TraceContext, decode};
use futures_util::future::join_all;
use messaging::Messaging;
use store::Store;
use store::sqlx::{self, query_as, query_scalar};
use test_stores::TestStore;

use crate::booking::{Booking, SCHEMA, Trip, TripBooked, TripEvent};
use crate::ledger::{Effect, Ledger, Member};

pub const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// When the recovery takes an attempt over that its request has not ended.
pub const RECOVER_AFTER: Duration = Duration::from_secs(3);

/// Longer than every lease.
pub const LEASES_END: Duration = Duration::from_mins(1);

#[derive(Parser)]
pub struct Settings {
    #[command(flatten)]
    pub messaging: messaging::Config,
}

/// A process of the context.
pub struct Replica<const STEPS: usize, const FORWARD: bool> {
    pub store: Store,
    pub saga: Arc<Saga<Booking<STEPS, FORWARD>>>,
}

pub struct World<const STEPS: usize, const FORWARD: bool> {
    pub replicas: Vec<Replica<STEPS, FORWARD>>,
    pub ledger: Arc<Ledger>,
    pub clock: Arc<ManualClock>,
    pub ids: Arc<Ids>,
    next: AtomicI64,
}

impl<const STEPS: usize, const FORWARD: bool> World<STEPS, FORWARD> {
    /// Three replicas.
    pub async fn on(place: &TestStore) -> Self {
        let ledger = Arc::new(Ledger::default());
        let clock = Arc::new(ManualClock::at(NOW));
        let ids = Arc::new(Ids::seeded(clock.clone(), 1));
        let mut world = Self { replicas: vec![], ledger, clock, ids, next: AtomicI64::new(1) };
        for _ in 0..3 {
            let member = |step| Arc::new(Member { ledger: Arc::clone(&world.ledger), step }) as Arc<dyn Participant<_>>;
            world.replicas.push(world.replica(place, (0..STEPS).map(member).collect()).await);
        }
        sqlx::raw_sql(SCHEMA).execute(world.replicas[0].store.writer()).await.unwrap();
        world
    }

    /// A replica with these participants.
    pub async fn replica(
        &self,
        place: &TestStore,
        participants: Vec<Arc<dyn Participant<Booking<STEPS, FORWARD>>>>,
    ) -> Replica<STEPS, FORWARD> {
        let store = place.open(&[messaging::MIGRATIONS]).await;
        // Processes die here, and the machine does not.
        sqlx::raw_sql("PRAGMA synchronous = OFF").execute(store.writer()).await.unwrap();
        let host = Host::new(self.clock.clone(), self.ids.clone());
        let settings = Settings::parse_from(["test", "--fleet", "test"]);
        let outbox = Messaging::new(&settings.messaging, "trips", &store, &host).outbox();
        let saga = Saga::new(participants, &store, outbox, &host, RECOVER_AFTER).unwrap();
        Replica { store, saga: Arc::new(saga) }
    }

    /// The first attempt at a trip that was never asked for.
    pub fn trip(&self) -> Trip {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        Trip { id, attempt: 1, price: 10, traveller: Some("kim".into()), confirmations: String::new() }
    }

    pub fn trace(&self) -> TraceContext {
        TraceContext::new(&self.ids)
    }

    pub async fn run(&self, trip: &Trip) -> OutcomeOf<Booking<STEPS, FORWARD>> {
        self.replicas[0].saga.run(trip.clone(), self.trace()).await.unwrap()
    }

    /// Recovers on the first replicas at once, each of which may die after some polls.
    pub async fn recover(&self, crashes: &[Option<u32>]) {
        let recoveries = crashes
            .iter()
            .zip(&self.replicas)
            .map(|(crash, replica)| crash_after(*crash, async { replica.saga.recover_due().await.unwrap() }));
        join_all(recoveries).await;
    }

    /// Ends all faults, and recovers until all attempts are at rest.
    pub async fn come_to_rest(&self) -> Result<(), String> {
        self.ledger.end_faults();
        for _ in 0..10 {
            self.clock.advance(LEASES_END);
            self.recover(&[None]).await;
            let sql = "SELECT COUNT(*) FROM trips WHERE phase NOT IN ('established', 'void')";
            let unfinished: i64 = query_scalar(sql).fetch_one(self.replicas[0].store.reader()).await.unwrap();
            if unfinished == 0 {
                return Ok(());
            }
        }
        Err("the attempts do not come to rest".into())
    }

    /// The latest attempt at a trip, and its phase.
    pub async fn row(&self, trip: &Trip) -> Option<(i64, String)> {
        let sql = "SELECT attempt, phase FROM trips WHERE id = $1";
        query_as(sql).bind(trip.id).fetch_optional(self.replicas[0].store.reader()).await.unwrap()
    }

    pub async fn phase(&self, trip: &Trip) -> Option<String> {
        self.row(trip).await.map(|(_, phase)| phase)
    }

    /// The published events of an attempt.
    pub async fn events(&self, trip: &Trip) -> Vec<TripBooked> {
        let sql = "SELECT kind, data FROM outbox WHERE subject = $1";
        let query = query_as(sql).bind(trip.id.to_string());
        let rows: Vec<(String, String)> = query.fetch_all(self.replicas[0].store.reader()).await.unwrap();
        let events = rows.iter().map(|(kind, data)| decode::<TripEvent>(kind, data).unwrap().unwrap());
        let booked = events.map(|TripEvent::TripBooked(booked)| booked);
        booked.filter(|booked| booked.attempt == trip.attempt).collect()
    }

    /// What must hold of an attempt at rest: all of it, or nothing.
    pub async fn check(&self, trip: &Trip, outcome: Option<&OutcomeOf<Booking<STEPS, FORWARD>>>) -> Result<(), String> {
        let (row, events) = (self.row(trip).await, self.events(trip).await);
        let established = row == Some((trip.attempt, "established".into()));
        let effects: Vec<_> = (0..STEPS).map(|step| self.ledger.effect(trip, step)).collect();
        let violations = self.ledger.violations();
        let what = format!("{trip:?}: {row:?}, {events:?}, {effects:?}, {outcome:?}, {violations:?}");
        let all = TripBooked { id: trip.id, attempt: trip.attempt, confirmations: "123"[..STEPS].into() };
        let whole = established && events == [all] && effects.iter().all(|e| *e == (Some(Effect::Applied), 1));
        let nothing = !established && events.is_empty() && effects.iter().all(|e| e.0 != Some(Effect::Applied));
        let answered = match outcome {
            Some(Outcome::Established(booked)) => whole && booked.confirmations == "123"[..STEPS],
            Some(Outcome::Declined(_) | Outcome::Unavailable(_) | Outcome::Occupied) => nothing,
            Some(Outcome::Undecided) => FORWARD,
            None => true,
        };
        let holds = (whole || nothing) && answered && violations.is_empty();
        if holds { Ok(()) } else { Err(what) }
    }

    /// The transitions that were committed, and those that the definition documents.
    pub async fn transitions(&self) -> [BTreeSet<(String, String)>; 2] {
        let sql = "SELECT old, new FROM transitions";
        let seen: Vec<(String, String)> = query_as(sql).fetch_all(self.replicas[0].store.reader()).await.unwrap();
        // A final phase keeps the step at which it was reached.
        let documented = transitions::<Booking<STEPS, FORWARD>>();
        let documented = documented.iter().map(|transition| {
            (name::<Booking<STEPS, FORWARD>>(transition.from), name::<Booking<STEPS, FORWARD>>(transition.to))
        });
        [seen.into_iter().collect(), documented.collect()]
    }
}

fn name<D: Definition>(state: State) -> String {
    state.map_or_else(|| "none".into(), |(phase, step)| format!("{} {step}", D::TABLE.name_of(phase)))
}

/// Drops a future after some polls, as a process that dies drops what it does. `None`: it died.
pub async fn crash_after<T>(polls: Option<u32>, future: impl Future<Output = T>) -> Option<T> {
    let Some(polls) = polls else { return Some(future.await) };
    Mortal { future: pin!(future), polls }.await
}

struct Mortal<'f, F> {
    future: Pin<&'f mut F>,
    polls: u32,
}

impl<F: Future> Future for Mortal<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(rest) = self.polls.checked_sub(1) else { return Poll::Ready(None) };
        self.polls = rest;
        self.future.as_mut().poll(context).map(Some)
    }
}
