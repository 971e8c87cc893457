// Rendered by `cargo xtask render` from services/storagerent: edit that, not this file.
//! What the contexts of the fleet storagerent publish and serve, for the tests of its contracts.

use contracts::Published;
use utoipa::openapi::OpenApi;

/// The documents of the contexts that have routes at the gateway.
pub fn documents() -> Vec<OpenApi> {
    vec![
        // In the order of their ports.
        context::document::<storagerent_payment_service::Payments>(),
        context::document::<storage_service::Storages>(),
        context::document::<message_service::Messages>(),
        context::document::<viewpage_service::StorageViews>(),
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
        Published::of::<storagerent_payment_contract::PaymentEvent>()?,
        Published::of::<storage_contract::StorageEvent>()?,
    ])
}
