//! Visit requests and visits on real stores.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod assigning;
mod orders;
mod reads;
mod whose;

use std::sync::Arc;

use ambient::{Ids, ManualClock, SystemClock, Timestamp};
use chassis::Host;
use clap::Parser;
use events::{Envelope, EventSet, TraceContext, decode, encode};
use match_contract::{MatchCanceled, MatchEvent};
use messaging::{Messaging, Place as Position, Record};
use payment_contract::{PaymentApproved, PaymentCanceled, PaymentEvent};
use store::Store;
use test_stores::Place;
use visit_contract::{VisitAssigned, VisitEvent};
use visit_domain::{Case, Refusal, Visit};
use visit_service::{Config, MIGRATIONS, VisitPolicies, VisitStore};

/// When all tests take place.
const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// One process of the visit context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    visits: VisitStore,
    policies: Arc<VisitPolicies>,
}

impl World {
    async fn on(place: &Place) -> Self {
        let store = place.open(&[messaging::MIGRATIONS, MIGRATIONS]).await;
        let ids = Arc::new(Ids::from_entropy(Arc::new(SystemClock)));
        let host = Host::new(Arc::new(ManualClock::at(NOW)), ids);
        let config = Config::parse_from(["visit", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, "visit", &store, &host);
        let visits = VisitStore::new(&store, messaging.outbox(), host.clock());
        let policies = Arc::new(VisitPolicies::new(visits.clone()));
        Self { store, host, messaging, visits, policies }
    }

    async fn take(&self, records: Vec<Record>) {
        assert_eq!(self.messaging.take(&self.policies, records).await.dead, 0);
    }

    async fn assign(&self, match_id: i64, teacher: &str) -> Result<VisitAssigned, Refusal> {
        let visit = Visit { tutor: None, teacher: teacher.to_owned(), date: "2021-01-21".parse().unwrap() };
        let trace = TraceContext::new(&self.host.ids());
        self.visits.assign(match_id, visit, trace).await.unwrap()
    }

    /// All that is known of a match.
    async fn case(&self, match_id: i64) -> Case {
        let mut tx = self.store.begin().await.unwrap();
        self.visits.lock(&mut tx, &[match_id]).await.unwrap().remove(0)
    }

    /// The matches in the list of requests, in its order, read in small pages.
    async fn listed(&self) -> Vec<i64> {
        let (mut listed, mut after) = (vec![], [i64::MIN, 0]);
        loop {
            let page = self.visits.requests(after, 3).await.unwrap();
            listed.extend(page.items.iter().map(|case| case.match_id));
            let Some(last) = page.end() else { return listed };
            after = [last.paid.unwrap().since.as_micros(), last.match_id];
        }
    }

    /// All that the context has said of a match.
    async fn said(&self, match_id: i64) -> Vec<VisitEvent> {
        let sql = "SELECT kind, data FROM outbox WHERE subject = $1 ORDER BY seq";
        let query = sqlx::query_as(sql).bind(match_id.to_string());
        let rows: Vec<(String, String)> = query.fetch_all(self.store.reader()).await.unwrap();
        rows.iter().map(|(kind, data)| decode(kind, data).unwrap().expect("an event of ours")).collect()
    }
}

/// An event's id is what it says: the same event is the same wherever a test makes it.
fn record<E: EventSet>(event: &E, time: i64) -> Record {
    let (kind, data) = encode(event).unwrap();
    let (id, subject) = (format!("{kind} {data}"), event.correlation_id().to_string());
    let source = format!("/test/{}", E::CONTEXT);
    let envelope = Envelope { id, source, kind, subject, time: Timestamp::from_micros(time), trace: None, data };
    Record::carrying(&envelope, Position { topic: format!("test.{}", E::CONTEXT), partition: 0, offset: 0 })
}

/// Paid at the time that is the attempt's number.
fn approved(match_id: i64, attempt: i64) -> Record {
    record(&PaymentEvent::PaymentApproved(PaymentApproved { match_id, attempt, price: 10 }), attempt)
}

fn payment_canceled(match_id: i64, attempt: i64) -> Record {
    record(&PaymentEvent::PaymentCanceled(PaymentCanceled { match_id, attempt, price: 10 }), attempt)
}

fn match_canceled(id: i64, attempt: i64) -> Record {
    record(&MatchEvent::MatchCanceled(MatchCanceled { id, attempt }), attempt)
}
