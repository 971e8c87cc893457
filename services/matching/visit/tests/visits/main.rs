//! Visit requests and visits on real stores.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod assigning;
mod orders;
mod reads;
mod whose;

use std::sync::Arc;

use ambient::{Ids, ManualClock, SystemClock, Timestamp};
use chassis::page::PageRequest;
use chassis::{Host, Scope};
use clap::Parser;
use context::{Config, Context, NoSettings, Projector, Repository};
use events::{Envelope, EventSet, Projection as _, TraceContext, decode, encode};
use match_contract::{MatchCanceled, MatchEvent};
use messaging::{Messaging, Record, RecordPosition};
use payment_contract::{PaymentApproved, PaymentCanceled, PaymentEvent};
use store::Store;
use test_stores::TestStore;
use visit_contract::{VisitAssigned, VisitEvent};
use visit_domain::{Case, Refusal, Visit};
use visit_service::{CaseRow, OPEN_REQUESTS, Visits, assign_visit};

/// When all tests take place.
const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// One process of the visit context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    cases: Repository<CaseRow>,
    policies: Arc<Projector<CaseRow>>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        let store = place.open(&[messaging::MIGRATIONS, Visits::MIGRATIONS]).await;
        let ids = Arc::new(Ids::from_entropy(Arc::new(SystemClock)));
        let host = Host::new(Arc::new(ManualClock::at(NOW)), ids);
        let config = Config::<NoSettings>::parse_from(["visit", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, Visits::NAME, &store, &host);
        let cases = Repository::new(&store, messaging.outbox(), host.clock());
        let policies = Arc::new(Projector::new(cases.clone()));
        Self { store, host, messaging, cases, policies }
    }

    async fn take(&self, records: Vec<Record>) {
        assert_eq!(self.messaging.process(&self.policies, records).await.dead, 0);
    }

    async fn assign(&self, match_id: i64, teacher: &str) -> Result<Case, Refusal> {
        let visit = Visit { tutor: None, teacher: teacher.to_owned(), date: "2021-01-21".parse().unwrap() };
        let trace = TraceContext::new(&self.host.ids());
        assign_visit(&self.cases, match_id, visit, trace).await.unwrap()
    }

    /// What is known of a match.
    async fn case(&self, match_id: i64) -> Case {
        self.cases.find(&match_id, &Scope::All).await.unwrap().unwrap_or_else(|| Case::begin(match_id, 0))
    }

    /// The matches in the list of requests, in its order, read in small pages.
    async fn listed(&self) -> Vec<i64> {
        let (mut listed, mut request) = (vec![], PageRequest { size: 3, after: None });
        loop {
            let (cases, next) = self.cases.page(&OPEN_REQUESTS, &Scope::All, &request).await.unwrap();
            listed.extend(cases.iter().map(|case| case.match_id));
            request.after = next;
            if next.is_none() {
                return listed;
            }
        }
    }

    /// The events that the context has staged about a match.
    async fn staged(&self, match_id: i64) -> Vec<VisitEvent> {
        let sql = "SELECT kind, data FROM outbox WHERE subject = $1 ORDER BY seq";
        let query = sqlx::query_as(sql).bind(match_id.to_string());
        let rows: Vec<(String, String)> = query.fetch_all(self.store.reader()).await.unwrap();
        rows.iter().map(|(kind, data)| decode(kind, data).unwrap().expect("an event of ours")).collect()
    }
}

/// The id of an event is its content: equal events are one.
fn record<E: EventSet>(event: &E, time: i64) -> Record {
    let (kind, data) = encode(event).unwrap();
    let (id, subject) = (format!("{kind} {data}"), event.key().to_string());
    let source = format!("/test/{}", E::CONTEXT);
    let envelope = Envelope { id, source, kind, subject, time: Timestamp::from_micros(time), trace: None, data };
    Record::carrying(&envelope, RecordPosition { topic: format!("test.{}", E::CONTEXT), partition: 0, offset: 0 })
}

/// Paid at the time that is the attempt's number.
fn approved(match_id: i64, attempt: i64) -> Record {
    record(&PaymentEvent::PaymentApproved(PaymentApproved { match_id, attempt, price: 10 }), attempt)
}

fn payment_canceled(match_id: i64, attempt: i64) -> Record {
    record(&PaymentEvent::PaymentCanceled(PaymentCanceled { match_id, attempt, price: 10 }), attempt)
}

/// The event of an assignment.
fn assigned(case: &Case) -> VisitEvent {
    let Case { match_id, attempt, visit, .. } = case.clone();
    let visit = visit.expect("it is assigned");
    let tutor = visit.tutor.map(|tutor| tutor.as_str().to_owned());
    VisitAssigned { match_id, attempt, teacher: visit.teacher, visit_date: visit.date.to_string(), tutor }.into()
}

fn match_canceled(id: i64, attempt: i64) -> Record {
    record(&MatchEvent::MatchCanceled(MatchCanceled { id, attempt }), attempt)
}
