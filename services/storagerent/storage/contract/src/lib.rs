//! The events of the storage context.

use events::EventSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the storage context. Its correlation id is the id of the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "storage", key = "storage_id")]
pub enum StorageEvent {
    /// A room is registered.
    StorageRegistered(StorageRegistered),
    /// The registration of a room has changed.
    StorageModified(StorageModified),
    /// A room is deleted.
    StorageDeleted(StorageDeleted),
    /// The hold of a room is a confirmed reservation.
    StorageReserved(StorageReserved),
    /// A room is free again.
    StorageCancelled(StorageCancelled),
    /// A customer has reviewed a room.
    ReviewWritten(ReviewWritten),
}

/// A room is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageRegistered {
    /// The room.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub storage_id: i64,
    /// The version of the registration. It grows by one with each change of it.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub version: i64,
    /// The description of the room.
    #[serde(with = "events::fields::text")]
    #[schemars(schema_with = "events::fields::text::schema")]
    pub description: String,
    /// The price of a reservation. Absent: the room cannot be reserved yet.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "events::fields::optional_number")]
    #[schemars(schema_with = "events::fields::optional_number::schema")]
    pub price: Option<i64>,
}

/// The registration of a room has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageModified {
    /// The room.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub storage_id: i64,
    /// The version of the registration. It grows by one with each change of it.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub version: i64,
    /// The description of the room.
    #[serde(with = "events::fields::text")]
    #[schemars(schema_with = "events::fields::text::schema")]
    pub description: String,
    /// The price of a reservation. Absent: the room cannot be reserved yet.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "events::fields::optional_number")]
    #[schemars(schema_with = "events::fields::optional_number::schema")]
    pub price: Option<i64>,
}

/// A room is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageDeleted {
    /// The room.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub storage_id: i64,
    /// The version of the registration. It grows by one with each change of it.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub version: i64,
}

/// The hold of a room is a confirmed reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageReserved {
    /// The room.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub storage_id: i64,
    /// The number of the hold. The room counts its holds: a later one has a greater number.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub hold: i64,
    /// The reservation.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub reservation_id: i64,
}

/// A room is free again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageCancelled {
    /// The room.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub storage_id: i64,
    /// The number of the hold. The room counts its holds: a later one has a greater number.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub hold: i64,
    /// The reservation.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub reservation_id: i64,
}

/// A customer has reviewed a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReviewWritten {
    /// The room.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub storage_id: i64,
    /// The review.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub review_id: i64,
    /// The reservation.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub reservation_id: i64,
    /// The number of reviews of the room, with this one.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub review_cnt: i64,
    /// The id of the customer: the owner. Absent if authentication is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "events::fields::optional_text")]
    #[schemars(schema_with = "events::fields::optional_text::schema")]
    pub customer: Option<String>,
}
