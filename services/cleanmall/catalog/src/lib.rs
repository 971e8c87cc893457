// Rendered by `cargo xtask render` from services/cleanmall: edit that, not this file.
//! What the contexts of the fleet cleanmall publish and serve, for the tests of its contracts.

use contracts::Published;
use utoipa::openapi::OpenApi;

/// The documents of the contexts that have routes at the gateway.
pub fn documents() -> Vec<OpenApi> {
    vec![
        // In the order of their ports.
        context::document::<cleancall_service::CleanCalls>(),
        context::document::<cleanmanage_service::CleanManages>(),
        context::document::<cleanassign_service::CleanAssigns>(),
        contracts::written_document(include_str!("../../customer/openapi.json")),
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
        Published::of::<cleancall_contract::CleanCallEvent>()?,
        Published::of::<cleanmanage_contract::CleanManageEvent>()?,
        Published::of::<cleanassign_contract::CleanAssignEvent>()?,
    ])
}
