//! What faces the clients: the HTTP service, TLS, health, documentation, reload of the routes file.

pub mod documentation;
pub mod entity_tags;
pub mod health;
pub mod openapi;
pub mod proxy;
pub mod reload;
pub mod routes_file;
pub mod service;
pub mod tls;
