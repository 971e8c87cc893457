//! The gateway of a fleet: forwards requests to its services by the routes file.
//!
//! | folder | content |
//! |---|---|
//! | [`routing`] | path patterns, and the check for ambiguous paths |
//! | [`config`] | the routes file: parsing, validation, defaults |
//! | [`request`] | what is checked and prepared before a request is forwarded: authentication, limits, headers, body |
//! | [`upstream`] | routes in use, replicas, connections, retries, gRPC |
//! | [`edge`] | what faces the clients: the HTTP service, TLS, health, documentation, reload of the routes file |
//!
//! Each folder uses those above it only. A request passes these modules, in this order:
//!
//! | module | task |
//! |---|---|
//! | `chassis` | connection limits, shutdown, `/livez`, `/readyz`, `/metrics` |
//! | [`edge::tls`] | HTTPS, if a certificate is configured |
//! | [`edge::service`] | panics become 500; [`config::cors`], compression, [`edge::entity_tags`] |
//! | [`edge::proxy`] | begins the trace, and counts every request |
//! | [`routing`] | rejects ambiguous paths, and selects the route |
//! | [`upstream::route`] | checks the method and the size of the headers |
//! | [`request::access`] | rejects requests that foreign web pages caused |
//! | [`request::authenticator`] | verifies the token with the keys of the [`request::identity_provider`] |
//! | [`request::rate_limit`], [`request::cancellations`] | limit each client: by subject, else by address ([`config::clients`]) |
//! | [`request::pool`] | limits the share of each client of memory and permits |
//! | [`request::buffering`] | receives the whole body, so that slow clients hold no permit |
//! | [`request::headers`] | replaces what a client claims by verified values |
//! | [`upstream::exchange`] | sends the request, and retries it if that is safe |
//! | [`upstream::replicas`] | selects a replica, and ejects failing ones |
//! | [`upstream::client`], [`upstream::grpc`] | pooled connections over HTTP/1.1 and HTTP/2 |
//! | [`request::body`] | streams the response within its time limits |
//! | [`request::error`] | turns errors into responses |

pub mod config;
pub mod edge;
pub mod request;
pub mod routing;
pub mod upstream;

pub use config::cors;
pub use edge::{openapi, reload};
pub use request::headers;
pub use routing::path;
pub use routing::pattern as routes;
