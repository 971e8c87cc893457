//! The only way in: what reaches a service, and how.
//!
//! A request passes, from the outside in:
//!
//! | layer | its one reason |
//! |---|---|
//! | `chassis` | one server for all binaries: connection limits, shutdown, `/livez`, `/readyz`, `/metrics` |
//! | [`tls`] | if it has a certificate, what is said is for the two ends alone |
//! | [`edge`] | long answers take less of the line, browsers can read errors too ([`cors`]), and a panic is an answer |
//! | [`proxy`] | a trace begins, and the request is counted whatever becomes of it |
//! | [`path`], [`routes`] | only what is opened is reached, and by a path that can be read in one way |
//! | [`lane`] | methods and seats: one slow service cannot take the gateway away from the others |
//! | [`guard`] | who asks is known, by a token of the identity provider ([`trusted`], [`provider`]) |
//! | [`rate`] | nobody takes the others' share: counted by who asks, else by address ([`clients`]) |
//! | [`headers`] | services may believe what the headers say of the client |
//! | [`upload`] | a body is whole before its service hears of it, so that a slow client holds up nobody |
//! | [`body`] | answers pass as they come, and neither side can hold the other for ever |
//! | [`grpc`] | whoever speaks gRPC is spoken to by HTTP/2, and told by a status how it ended |
//! | [`replicas`] | a replica that fails is left out, and what was not done is asked of another |
//! | [`upstream`] | connections are kept open, but not for so long that new replicas are never found |
//! | [`refusal`] | one place turns what went wrong into an answer |
//!
//! Beside them: [`documentation`] serves the document of what is open and a page to try it, [`openapi`] makes that document.

pub mod body;
pub mod clients;
pub mod config;
pub mod cors;
pub mod documentation;
pub mod edge;
pub mod grpc;
pub mod guard;
pub mod headers;
pub mod lane;
pub mod notation;
pub mod observe;
pub mod openapi;
pub mod overview;
pub mod path;
pub mod provider;
pub mod proxy;
pub mod rate;
pub mod refusal;
pub mod reload;
pub mod replicas;
pub mod routes;
pub mod tls;
pub mod trusted;
pub mod upload;
pub mod upstream;
