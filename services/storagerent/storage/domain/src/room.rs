use storage_contract::{StorageDeleted, StorageModified, StorageRegistered};
use thiserror::Error;

/// A storage room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The id.
    pub id: i64,
    /// What a manager has registered.
    pub registration: Registration,
    /// The version of the registration. It grows by one with each change of it.
    pub version: i64,
    /// Whether it is free.
    pub status: Status,
    /// The number of the latest hold. 0 before the first one.
    pub holds: i64,
    /// The number of its reviews.
    pub reviews: i64,
}

/// What a manager registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The description.
    pub description: Description,
    /// The price of a reservation. `None`: the room cannot be reserved yet.
    pub price: Option<i64>,
}

/// A change of a registration. `None` leaves a part as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Modification {
    /// The new description.
    pub description: Option<Description>,
    /// The new price, of later holds.
    pub price: Option<i64>,
}

/// The status of a room. One that is occupied names the reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It can be held.
    Available,
    /// It is held for this reservation, which is not confirmed yet.
    Reserving(i64),
    /// It is reserved by this reservation.
    Reserved(i64),
    /// It is deleted, and its id is not used again.
    Deleted,
}

/// The description of a room: 1 to 255 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description(String);

/// The text is no description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a text of 1 to {} characters", Description::MAX_CHARS)]
pub struct InvalidDescription;

/// Why a room is not deleted: a reservation holds or has reserved it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a reservation holds this storage")]
pub struct Occupied;

impl Description {
    /// The maximum length.
    pub const MAX_CHARS: usize = 255;

    /// The description with this text.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidDescription> {
        let text = text.into();
        let is_valid = (1..=Self::MAX_CHARS).contains(&text.chars().count());
        if is_valid { Ok(Self(text)) } else { Err(InvalidDescription) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Room {
    /// A new room.
    pub const fn new(id: i64, registration: Registration) -> Self {
        Self { id, registration, version: 1, status: Status::Available, holds: 0, reviews: 0 }
    }

    /// The event of its registration.
    pub fn registered(&self) -> StorageRegistered {
        let Registration { description, price } = self.registration.clone();
        StorageRegistered { storage_id: self.id, version: self.version, description: description.0, price }
    }

    /// Changes the registration. `None`: it is so already. A hold keeps its price.
    pub fn modify(&mut self, modification: Modification) -> Option<StorageModified> {
        let Registration { description, price } = self.registration.clone();
        let changed = Registration {
            description: modification.description.unwrap_or(description),
            price: modification.price.or(price),
        };
        if changed == self.registration {
            return None;
        }
        self.registration = changed;
        self.version += 1;
        let StorageRegistered { storage_id, version, description, price } = self.registered();
        Some(StorageModified { storage_id, version, description, price })
    }

    /// Deletes the room, unless it is occupied.
    pub const fn delete(&mut self) -> Result<StorageDeleted, Occupied> {
        if matches!(self.status, Status::Reserving(_) | Status::Reserved(_)) {
            return Err(Occupied);
        }
        self.status = Status::Deleted;
        self.version += 1;
        Ok(StorageDeleted { storage_id: self.id, version: self.version })
    }

    /// Whether it is deleted.
    pub fn is_deleted(&self) -> bool {
        self.status == Status::Deleted
    }
}
