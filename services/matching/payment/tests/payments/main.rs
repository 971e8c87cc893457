//! Payments on real stores, with a stub of the provider.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod interactions;
mod orders;
mod policies;
mod provider;
mod reads;
mod refunds;
mod start;
mod whose;

use std::sync::Arc;

use ambient::{Ids, SystemClock, Timestamp};
use axum::Router;
use chassis::{Host, Scope};
use clap::Parser;
use context::{Config, Context, Repository};
use events::{TraceContext, decode};
use messaging::Messaging;
use payment::{
    ApprovalOutcome, Bill, Cancellations, EarlierAttemptApproved, NoDetails, NoProvider, PaymentRow, PaymentState,
    PaymentStore, State, UseCases,
};
use payment_contract::{PaymentApproved, PaymentCanceled, PaymentEvent};
use payment_service::{MatchPayment, Payments};
use store::Store;
use test_stores::TestStore;

use provider::ProviderStub;

/// The time of consumed events.
const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// One process of the payment context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    payments: PaymentStore<MatchPayment>,
    rows: Repository<PaymentRow<MatchPayment>>,
    provider: Arc<ProviderStub>,
    use_cases: Arc<UseCases<MatchPayment>>,
}

impl World {
    async fn on(place: &TestStore) -> Self {
        Self::with(place, Arc::default()).await
    }

    /// Another process on the same store, with the same provider.
    async fn another(&self, place: &TestStore) -> Self {
        Self::with(place, Arc::clone(&self.provider)).await
    }

    async fn with(place: &TestStore, provider: Arc<ProviderStub>) -> Self {
        let store = place.open(&[messaging::MIGRATIONS, Payments::MIGRATIONS]).await;
        let clock = Arc::new(SystemClock);
        let host = Host::new(clock.clone(), Arc::new(Ids::from_entropy(clock)));
        let config = Config::<NoProvider>::parse_from(["payment", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, Payments::NAME, &store, &host);
        let payments = PaymentStore::new(&store, messaging.outbox(), host.clock());
        let rows = Repository::new(&store, messaging.outbox(), host.clock());
        let use_cases = Arc::new(UseCases::new(payments.clone(), rows.clone(), provider.clone()));
        Self { store, host, messaging, payments, rows, provider, use_cases }
    }

    /// The routes of the context.
    fn routes(&self) -> Router {
        let state =
            PaymentState { use_cases: self.use_cases.clone(), rows: self.rows.clone(), host: self.host.clone() };
        Router::from(Payments::handlers()).with_state(state)
    }

    fn policies(&self) -> Arc<Cancellations<MatchPayment>> {
        Arc::new(Cancellations::new(self.payments.clone()))
    }

    fn trace(&self) -> TraceContext {
        TraceContext::new(&self.host.ids())
    }

    async fn approve(&self, bill: Bill) -> ApprovalOutcome {
        self.use_cases.approve(bill, NoDetails {}, self.trace()).await.unwrap()
    }

    async fn cancel(&self, bill: Bill) {
        self.try_cancel(bill).await.unwrap();
    }

    async fn try_cancel(&self, bill: Bill) -> Result<(), EarlierAttemptApproved> {
        self.use_cases.cancel(bill, NoDetails {}, self.trace()).await.unwrap()
    }

    /// The state of the payment of a match, unless it is void.
    async fn state(&self, match_id: i64) -> Option<State> {
        let row = self.rows.find(&match_id, &Scope::All).await.unwrap();
        row.map(|row| row.payment.state).filter(|state| *state != State::Void)
    }

    /// The refunds that are due.
    async fn due(&self) -> Vec<Bill> {
        self.payments.refunds().pending().await.unwrap().into_iter().map(|refund| refund.bill).collect()
    }

    /// As if the provider had refunded all that is due.
    async fn forget_refunds(&self) {
        sqlx::query("DELETE FROM refunds_due").execute(self.store.writer()).await.unwrap();
    }

    /// The events that the context has staged about a match.
    async fn staged(&self, match_id: i64) -> Vec<PaymentEvent> {
        let sql = "SELECT kind, data FROM outbox WHERE subject = $1 ORDER BY seq";
        let query = sqlx::query_as(sql).bind(match_id.to_string());
        let rows: Vec<(String, String)> = query.fetch_all(self.store.reader()).await.unwrap();
        rows.iter().map(|(kind, data)| decode(kind, data).unwrap().expect("an event of ours")).collect()
    }
}

fn bill(match_id: i64, attempt: i64) -> Bill {
    Bill { key: match_id, attempt, price: 10 }
}

fn approved(Bill { key: match_id, attempt, price }: Bill) -> PaymentEvent {
    PaymentEvent::PaymentApproved(PaymentApproved { match_id, attempt, price })
}

fn canceled(Bill { key: match_id, attempt, price }: Bill) -> PaymentEvent {
    PaymentEvent::PaymentCanceled(PaymentCanceled { match_id, attempt, price })
}
