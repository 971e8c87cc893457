use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use events::{DecodeError, Envelope, EventSet, decode};
use match_contract::MatchEvent;
use messaging::{Outbox, Policies, Received, Saying};
use mypage_domain::News;
use payment_contract::PaymentEvent;
use store::Tx;
use visit_contract::VisitEvent;

use crate::changes::Changes;
use crate::store::MyPageStore;

/// Whenever anything happens to a match: its page shows it.
pub struct MyPagePolicies {
    pages: MyPageStore,
    changes: Arc<Changes>,
}

impl MyPagePolicies {
    /// Policies on these pages, which tell open streams through `changes`.
    pub fn new(pages: MyPageStore, changes: Arc<Changes>) -> Self {
        Self { pages, changes }
    }
}

#[async_trait]
impl Policies for MyPagePolicies {
    type Event = News;

    const ONLY_CONSUMES: bool = true;

    const CONTEXTS: &'static [&'static str] = &[MatchEvent::CONTEXT, PaymentEvent::CONTEXT, VisitEvent::CONTEXT];

    fn decode(&self, envelope: &Envelope) -> Result<Option<News>, DecodeError> {
        let Envelope { kind, data, time, .. } = envelope;
        if let Some(event) = decode(kind, data)? {
            return Ok(Some(News::Match(event, *time)));
        }
        if let Some(event) = decode(kind, data)? {
            return Ok(Some(News::Payment(event, *time)));
        }
        Ok(decode(kind, data)?.map(|event| News::Visit(event, *time)))
    }

    async fn apply(
        &self,
        tx: &mut Tx,
        events: &[Received<News>],
        _outbox: &Outbox,
        _saying: &mut Saying,
    ) -> Result<(), sqlx::Error> {
        let ids: BTreeSet<i64> = events.iter().map(|received| received.event.id()).collect();
        let mut pages = self.pages.lock(tx, &Vec::from_iter(ids)).await?;
        for received in events {
            if let Ok(place) = pages.binary_search_by_key(&received.event.id(), |page| page.id) {
                pages[place].learn(&received.event);
            }
        }
        self.pages.write(tx, pages).await
    }

    async fn applied(&self, events: &[Received<News>]) {
        for received in events {
            self.changes.changed(received.event.id());
        }
    }

    async fn clear(&self, tx: &mut Tx) -> Result<bool, sqlx::Error> {
        self.pages.clear(tx).await.map(|()| true)
    }
}
