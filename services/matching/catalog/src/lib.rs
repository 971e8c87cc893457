// Rendered by `cargo xtask render` from services/matching: edit that, not this file.
//! What the contexts of the fleet matching publish and serve, for the tests of its contracts.

use contracts::Published;
use utoipa::openapi::OpenApi;

/// The documents of the contexts that have routes at the gateway.
pub fn documents() -> Vec<OpenApi> {
    vec![
        // In the order of their ports.
        context::document::<match_service::Matches>(),
        context::document::<visit_service::Visits>(),
        context::document::<payment_service::Payments>(),
        context::document::<mypage_service::MyPages>(),
    ]
}

/// The events of the contexts that publish any.
///
/// # Errors
///
/// If a set of events is not as [`Published::of`] requires.
pub fn published() -> Result<Vec<Published>, String> {
    Ok(vec![
        // In the order of their ports.
        Published::of::<match_contract::MatchEvent>()?,
        Published::of::<visit_contract::VisitEvent>()?,
        Published::of::<payment_contract::PaymentEvent>()?,
    ])
}
