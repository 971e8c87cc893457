//! The events of the storage context.

use events::{EventSet, event};
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
#[event]
pub struct StorageRegistered {
    /// The room.
    pub storage_id: i64,
    /// The version of the registration. It grows by one with each change of it.
    pub version: i64,
    /// The description of the room.
    pub description: String,
    /// The price of a reservation. Absent: the room cannot be reserved yet.
    pub price: Option<i64>,
}

/// The registration of a room has changed.
#[event]
pub struct StorageModified {
    /// The room.
    pub storage_id: i64,
    /// The version of the registration. It grows by one with each change of it.
    pub version: i64,
    /// The description of the room.
    pub description: String,
    /// The price of a reservation. Absent: the room cannot be reserved yet.
    pub price: Option<i64>,
}

/// A room is deleted.
#[event]
pub struct StorageDeleted {
    /// The room.
    pub storage_id: i64,
    /// The version of the registration. It grows by one with each change of it.
    pub version: i64,
}

/// The hold of a room is a confirmed reservation.
#[event]
pub struct StorageReserved {
    /// The room.
    pub storage_id: i64,
    /// The number of the hold. The room counts its holds: a later one has a greater number.
    pub hold: i64,
    /// The reservation.
    pub reservation_id: i64,
}

/// A room is free again.
#[event]
pub struct StorageCancelled {
    /// The room.
    pub storage_id: i64,
    /// The number of the hold. The room counts its holds: a later one has a greater number.
    pub hold: i64,
    /// The reservation.
    pub reservation_id: i64,
}

/// A customer has reviewed a room.
#[event]
pub struct ReviewWritten {
    /// The room.
    pub storage_id: i64,
    /// The review.
    pub review_id: i64,
    /// The reservation.
    pub reservation_id: i64,
    /// The number of reviews of the room, with this one.
    pub review_cnt: i64,
    /// The id of the customer: the owner. Absent if authentication is disabled.
    pub customer: Option<String>,
}
