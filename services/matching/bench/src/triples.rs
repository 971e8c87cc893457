//! What limits requests: the transactions that one needs, committed by the same PostgreSQL from one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use chassis::Host;
use context::Context;
use context::saga::{NotCompensated, Outcome, Participant, Reply, Saga};
use events::TraceContext;
use futures_util::future::try_join_all;
use match_domain::{MatchAttempt, MatchId, Price};
use match_service::RequestSaga;
use messaging::{Messaging, Outbox};
use payment::{Bill, NoDetails, PaymentStore};
use payment_service::{MatchPayment, Payments};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use store::{Migrations, Store};
use tokio::time::Instant;

use crate::siege::USERS;
use crate::site::Site;

const PRICE: i64 = 50_000;

/// Longer than the benchmark: nothing is recovered.
const RECOVER_AFTER: Duration = Duration::from_hours(1);

/// One event in an outbox: as long as a real one.
const SAY: &str = "INSERT INTO outbox (event_id, topic, subject, kind, happened_at, trace, data) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// The stores of match and payment without the services.
pub struct Triples {
    plain: Plain,
    own: Own,
}

/// Plain SQL, prepared, on sqlx's own driver for PostgreSQL: nothing of ours in between.
struct Plain {
    matches: PgPool,
    payments: PgPool,
    site: Shared,
}

/// The stores as the services use them: the saga of a request, on the store of payment without a network in between.
struct Own {
    requests: Saga<RequestSaga>,
    site: Shared,
}

struct PaymentWithoutNetwork(PaymentStore<MatchPayment>);

#[async_trait]
impl Participant<RequestSaga> for PaymentWithoutNetwork {
    fn unavailable_for(&self) -> Option<Duration> {
        None
    }

    async fn execute(&self, attempt: &mut MatchAttempt, trace: &TraceContext) -> Reply<String> {
        let bill = Bill { key: attempt.id.get(), attempt: attempt.number, price: attempt.price.get() };
        match self.0.approve(bill, NoDetails {}, *trace).await {
            Ok(Ok(())) => Reply::Done,
            Ok(Err(refusal)) => Reply::Declined(refusal.to_string()),
            Err(_) => Reply::Unknown,
        }
    }

    async fn compensate(&self, _attempt: &MatchAttempt) -> Result<(), NotCompensated> {
        Err(NotCompensated("this benchmark has no recovery".to_owned()))
    }
}

#[derive(Clone)]
struct Shared {
    ids: Arc<ambient::Ids>,
    clock: Arc<dyn ambient::Clock>,
}

impl Triples {
    /// Makes the databases, with the schemas of the services and as many connections as they have.
    pub async fn prepare(site: &Site) -> Result<Self> {
        let fleet = site.fleet("triples");
        let (match_url, payment_url) = (site.database(&fleet, "match").await?, site.database(&fleet, "payment").await?);
        let match_sets = context::migrations::<match_service::Matches>();
        let (match_db, match_outbox) = open(site, "match", &match_url, &match_sets).await?;
        let payment_sets = [messaging::MIGRATIONS, Payments::MIGRATIONS];
        let (payment_db, payment_outbox) = open(site, "payment", &payment_url, &payment_sets).await?;
        let shared = Shared { ids: Arc::clone(&site.ids), clock: Arc::clone(&site.clock) };
        let pool = |url: &str| {
            // As our stores do: no round trip to see whether the connection lives.
            PgPoolOptions::new().max_connections(site.connections).test_before_acquire(false).connect_lazy(url)
        };
        let payment =
            Arc::new(PaymentWithoutNetwork(PaymentStore::new(&payment_db, payment_outbox, Arc::clone(&site.clock))));
        let host = Host::new(Arc::clone(&site.clock), Arc::clone(&site.ids));
        let requests = Saga::new(vec![payment], &match_db, match_outbox, &host, RECOVER_AFTER)?;
        Ok(Self {
            plain: Plain { matches: pool(&match_url)?, payments: pool(&payment_url)?, site: shared.clone() },
            own: Own { requests, site: shared },
        })
    }

    /// Triples per second in plain SQL.
    pub async fn plain(&self, how_long: Duration) -> Result<f64> {
        rate(how_long, || self.plain.triple()).await
    }

    /// Triples per second through the stores of the services.
    pub async fn own(&self, how_long: Duration) -> Result<f64> {
        rate(how_long, || self.own.triple()).await
    }
}

/// As many users as siege has, one triple after the other each.
async fn rate<F: Future<Output = Result<()>>>(how_long: Duration, triple: impl Fn() -> F) -> Result<f64> {
    let done = AtomicU32::new(0);
    let began = Instant::now();
    let user = async || -> Result<()> {
        while began.elapsed() < how_long {
            triple().await?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    try_join_all((0..USERS).map(|_| user())).await?;
    Ok(f64::from(done.into_inner()) / began.elapsed().as_secs_f64())
}

impl Plain {
    async fn triple(&self) -> Result<()> {
        let (id, attempt) = (self.site.ids.number(), self.site.clock.now().as_micros());
        sqlx::query(
            "INSERT INTO matches (id, attempt, price, phase, step, settle_at) VALUES ($1, $2, $3, 'pending', '', $4)",
        )
        .bind(id)
        .bind(attempt)
        .bind(PRICE)
        .bind(attempt)
        .execute(&self.matches)
        .await?;

        let mut tx = self.payments.begin().await?;
        let sql = "INSERT INTO payments (match_id, attempt, price, state) VALUES ($1, $2, $3, 'Approved')";
        sqlx::query(sql).bind(id).bind(attempt).bind(PRICE).execute(&mut *tx).await?;
        self.say(&mut tx, "payment", "PaymentApproved", "matchId", id, attempt).await?;
        tx.commit().await?;

        let mut tx = self.matches.begin().await?;
        let sql =
            "UPDATE matches SET phase = 'established', step = $3 WHERE id = $1 AND attempt = $2 AND phase = 'pending'";
        sqlx::query(sql).bind(id).bind(attempt).bind("matchRequested").execute(&mut *tx).await?;
        self.say(&mut tx, "match", "MatchRequested", "id", id, attempt).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn say(
        &self,
        tx: &mut sqlx::PgTransaction<'_>,
        context: &str,
        kind: &str,
        id_name: &str,
        id: i64,
        attempt: i64,
    ) -> Result<()> {
        let trace = TraceContext::new(&self.site.ids).to_string();
        sqlx::query(SAY)
            .bind(self.site.ids.uuid().to_string())
            .bind(format!("bench.{context}"))
            .bind(id.to_string())
            .bind(kind)
            .bind(self.site.clock.now().as_micros())
            .bind(trace)
            .bind(format!("{{\"{id_name}\":{id},\"attempt\":{attempt},\"price\":{PRICE}}}"))
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

impl Own {
    async fn triple(&self) -> Result<()> {
        let Shared { ids, clock } = &self.site;
        let (id, number) = (MatchId::new(ids.number())?, clock.now().as_micros());
        let attempt = MatchAttempt { id, number, price: Price::new(PRICE)?, student: None };
        let outcome = self.requests.run(attempt, TraceContext::new(ids)).await?;
        anyhow::ensure!(matches!(outcome, Outcome::Established(_)), "a match was not established: {outcome:?}");
        Ok(())
    }
}

/// A store as a service opens it, and its outbox, from which nobody publishes.
async fn open(site: &Site, context: &'static str, url: &str, sets: &[Migrations]) -> Result<(Store, Outbox)> {
    let connections = site.connections.to_string();
    let settings: store::Config = settings(&["--store-url", url, "--store-connections", &connections])?;
    let store = Store::open(&settings, sets).await?;
    let host = Host::new(Arc::clone(&site.clock), Arc::clone(&site.ids));
    let outbox = Messaging::new(&settings_of_messaging(site)?, context, &store, &host).outbox();
    Ok((store, outbox))
}

fn settings_of_messaging(site: &Site) -> Result<messaging::Config> {
    settings(&["--fleet", &site.fleet("triples")])
}

/// The settings of one part of a service, as its command line would say them.
pub fn settings<T: clap::Args>(arguments: &[&str]) -> Result<T> {
    let command = T::augment_args(clap::Command::new("part").no_binary_name(true));
    Ok(T::from_arg_matches(&command.try_get_matches_from(arguments)?)?)
}
