// Rendered by `cargo xtask render` from services/pizza: edit that, not this file.
//! What the contexts of the fleet pizza publish and serve, for the tests of its contracts.

use contracts::Published;
use utoipa::openapi::OpenApi;

/// The documents of the contexts that have routes at the gateway.
pub fn documents() -> Vec<OpenApi> {
    vec![
        // In the order of their ports.
        context::document::<pizza_order_service::Orders>(),
        context::document::<pizza_payment_service::Payments>(),
        context::document::<delivery_service::Deliveries>(),
        context::document::<statusview_service::StatusViews>(),
        context::document::<coupon_service::Coupons>(),
        context::document::<refund_service::Refunds>(),
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
        Published::of::<pizza_order_contract::OrderEvent>()?,
        Published::of::<pizza_payment_contract::PaymentEvent>()?,
        Published::of::<delivery_contract::DeliveryEvent>()?,
        Published::of::<coupon_contract::CouponEvent>()?,
        Published::of::<refund_contract::RefundEvent>()?,
    ])
}
