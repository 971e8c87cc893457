// Rendered by `cargo xtask render` from services/foodcourt: edit that, not this file.
//! What the contexts of the fleet foodcourt publish and serve, for the tests of its contracts.

use contracts::Published;
use utoipa::openapi::OpenApi;

/// The documents of the contexts that have routes at the gateway.
pub fn documents() -> Vec<OpenApi> {
    vec![
        // In the order of their ports.
        context::document::<foodcourt_order_service::Orders>(),
        context::document::<cook_service::Cooks>(),
        context::document::<notification_service::Alarms>(),
        context::document::<shopaccount_service::ShopViews>(),
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
        Published::of::<foodcourt_order_contract::OrderEvent>()?,
        Published::of::<cook_contract::CookEvent>()?,
    ])
}
