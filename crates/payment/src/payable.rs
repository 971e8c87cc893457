use std::fmt::Debug;

use chassis::body::Fields;
use chassis::problem::Problem;
use events::{EventSet, Inbound};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::Migrations;
use utoipa::openapi::schema::ObjectBuilder;

use crate::rules::Payment;

/// What is paid in a fleet, such as an order: its names, and its events.
///
/// The tables belong to the fleet, since their key has its name:
///
/// ```sql
/// CREATE TABLE payments (
///     order_id BIGINT PRIMARY KEY,
///     attempt BIGINT NOT NULL DEFAULT 0,
///     price BIGINT NOT NULL DEFAULT 0,
///     state TEXT NOT NULL DEFAULT 'Void',
///     details TEXT
/// );
/// CREATE TABLE refunds_due (
///     order_id BIGINT NOT NULL,
///     attempt BIGINT NOT NULL,
///     price BIGINT NOT NULL,
///     retry_at BIGINT NOT NULL DEFAULT 0,
///     PRIMARY KEY (order_id, attempt)
/// );
/// ```
pub trait Payable: Debug + Clone + Send + Sync + 'static {
    /// The word for it, such as `order`.
    const NAME: &'static str;

    /// What a payment is called in a 404, such as `payment of order`.
    const TITLE: &'static str;

    /// The field of requests and documents with its key, such as `orderId`.
    const KEY_FIELD: &'static str;

    /// The column with its key, such as `order_id`.
    const KEY_COLUMN: &'static str;

    /// One sentence about the context.
    const ABOUT: &'static str;

    /// The roles that see payments. Customers see the state of theirs on the resources of other contexts.
    const READERS: &'static [&'static str] = &["operator"];

    /// The version of the package.
    const VERSION: &'static str;

    /// The tables `payments` and `refunds_due`.
    const MIGRATIONS: Migrations;

    /// What is stored with a payment besides key, attempt and price: [`NoDetails`], or what the events of the fleet need.
    type Details: Serialize + DeserializeOwned + Debug + Clone + PartialEq + Default + Send + Sync + Unpin;

    /// The events of the context. Their key is that of the payment.
    type Event: EventSet<Key = i64>;

    /// The events that cancel a payment. Their epoch is the attempt.
    type Cancellation: Inbound<Key = i64>;

    /// The event of an approved payment.
    fn approved(payment: &Payment<Self::Details>) -> Self::Event;

    /// The event of a payment that is paid back.
    fn canceled(payment: &Payment<Self::Details>) -> Self::Event;

    /// Reads the details from a request of another context.
    fn details(_fields: &Fields) -> Result<Self::Details, Problem> {
        Ok(Self::Details::default())
    }

    /// Adds the fields of the details to the schema of such a request.
    fn describe_details(request: ObjectBuilder) -> ObjectBuilder {
        request
    }
}

/// A fleet without details.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoDetails {}
