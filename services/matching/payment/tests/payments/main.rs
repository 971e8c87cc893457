//! Payments on real stores, with a provider that does as the test tells it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod asked;
mod orders;
mod policies;
mod provider;
mod reads;
mod refunds;
mod whose;

use std::sync::Arc;

use ambient::{Ids, ManualClock, SystemClock, Timestamp};
use chassis::Host;
use clap::Parser;
use events::{TraceContext, decode};
use messaging::Messaging;
use payment_contract::{PaymentApproved, PaymentCanceled, PaymentEvent};
use payment_domain::Bill;
use payment_service::{App, Asked, Config, MIGRATIONS, PaymentStore};
use store::Store;
use test_stores::Place;
use tokio::sync::Notify;

use provider::Till;

/// When all tests take place.
const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// One process of the payment context, without a broker.
#[derive(Clone)]
struct World {
    store: Store,
    host: Host,
    messaging: Messaging,
    payments: PaymentStore,
    till: Arc<Till>,
    refunds: Arc<Notify>,
    app: Arc<App>,
}

impl World {
    async fn on(place: &Place) -> Self {
        Self::with(place, Arc::default()).await
    }

    /// Another process on the same store, with the same provider.
    async fn another(&self, place: &Place) -> Self {
        Self::with(place, Arc::clone(&self.till)).await
    }

    async fn with(place: &Place, till: Arc<Till>) -> Self {
        let store = place.open(&[messaging::MIGRATIONS, MIGRATIONS]).await;
        let ids = Arc::new(Ids::from_entropy(Arc::new(SystemClock)));
        let host = Host::new(Arc::new(ManualClock::at(NOW)), ids);
        let config = Config::parse_from(["payment", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, "payment", &store, &host);
        let payments = PaymentStore::new(&store, messaging.outbox());
        let refunds = Arc::new(Notify::new());
        let app = Arc::new(App::new(payments.clone(), till.clone(), Arc::clone(&refunds)));
        Self { store, host, messaging, payments, till, refunds, app }
    }

    fn trace(&self) -> TraceContext {
        TraceContext::new(&self.host.ids())
    }

    async fn approve(&self, bill: Bill) -> Asked {
        self.app.approve(bill, self.trace()).await.unwrap()
    }

    async fn cancel(&self, bill: Bill) {
        self.app.cancel(bill, self.trace()).await.unwrap();
    }

    /// What the provider owes.
    async fn due(&self) -> Vec<Bill> {
        self.payments.refunds_due(None, 1_000).await.unwrap()
    }

    /// All that the context has said of a match.
    async fn said(&self, match_id: i64) -> Vec<PaymentEvent> {
        let sql = "SELECT kind, data FROM outbox WHERE subject = $1 ORDER BY seq";
        let query = sqlx::query_as(sql).bind(match_id.to_string());
        let rows: Vec<(String, String)> = query.fetch_all(self.store.reader()).await.unwrap();
        rows.iter().map(|(kind, data)| decode(kind, data).unwrap().expect("an event of ours")).collect()
    }
}

fn bill(match_id: i64, attempt: i64) -> Bill {
    Bill { match_id, attempt, price: 10 }
}

fn approved(Bill { match_id, attempt, price }: Bill) -> PaymentEvent {
    PaymentEvent::PaymentApproved(PaymentApproved { match_id, attempt, price })
}

fn canceled(Bill { match_id, attempt, price }: Bill) -> PaymentEvent {
    PaymentEvent::PaymentCanceled(PaymentCanceled { match_id, attempt, price })
}
