//! The paths that the gateway answers itself. No route may cover one of them.

use chassis::OWN_PATHS;

/// Liveness of the gateway itself.
pub const HEALTH: &str = "/healthz";

/// Readiness of the services behind the gateway.
pub const UPSTREAM_HEALTH: &str = "/healthz/services";

/// The `OpenAPI` document.
pub const DOCUMENT: &str = "/openapi.json";

/// The documentation page; its parts are below it.
pub const PAGE: &str = "/docs";

/// All paths that are reserved, those of the chassis included.
pub fn all() -> impl Iterator<Item = &'static str> {
    OWN_PATHS.into_iter().chain([HEALTH, UPSTREAM_HEALTH, DOCUMENT, PAGE])
}
