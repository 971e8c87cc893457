use std::marker::PhantomData;
use std::sync::Arc;

use axum::Router;
use context::{Context, Parts};
use store::Migrations;
use utoipa_axum::router::OpenApiRouter;

use crate::cancellations::Cancellations;
use crate::http::{self, PaymentState};
use crate::payable::Payable;
use crate::provider::ProviderSettings;
use crate::refund::start_refunds;
use crate::row::PaymentRow;
use crate::store::PaymentStore;
use crate::use_cases::UseCases;

/// The payment context of a fleet, with the provider that `S` chooses.
pub struct PaymentContext<P, S>(PhantomData<fn() -> (P, S)>);

impl<P: Payable, S: ProviderSettings> Context for PaymentContext<P, S> {
    const NAME: &'static str = "payment";
    const ABOUT: &'static str = P::ABOUT;
    const VERSION: &'static str = P::VERSION;
    const MIGRATIONS: Migrations = P::MIGRATIONS;

    type Settings = S;
    type State = PaymentState<P>;

    fn handlers() -> OpenApiRouter<PaymentState<P>> {
        http::handlers()
    }

    fn start(parts: Parts<S>) -> anyhow::Result<(PaymentState<P>, Router)> {
        let (provider, host) = (parts.settings.provider(&parts.host)?, parts.host.clone());
        let rows = parts.repository::<PaymentRow<P>>();
        let payments = PaymentStore::new(&parts.store, parts.messaging.outbox(), host.clock());
        start_refunds(payments.refunds(), Arc::clone(&provider), &host);
        let use_cases = Arc::new(UseCases::new(payments.clone(), rows.clone(), provider));
        Ok((PaymentState { use_cases, rows, host }, parts.consume(Cancellations::new(payments))?))
    }
}
