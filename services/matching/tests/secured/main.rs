//! The fleet on a Kafka and a PostgreSQL that let nobody in without TLS and a password, as `scripts/secured-parts` starts
//! them. Left out unless `FLOTILLA_TEST_SECURED` names its folder:
//!
//! ```sh
//! lines=$(scripts/secured-parts up /tmp/secured) && eval "$lines"
//! cargo build --features messaging/kafka-tls --bin match --bin visit --bin payment-simulator --bin mypage --bin gateway --bin flotilla
//! cargo test --features messaging/kafka-tls --package matching-tests --test secured
//! scripts/secured-parts down /tmp/secured
//! ```

#[cfg(test)]
mod kafka;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod site;
#[cfg(test)]
mod story;
