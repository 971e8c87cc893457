use axum::extract::FromRef;
use chassis::Host;
use context::Repository;

use crate::rows::{ReviewRow, RoomRow};
use crate::store::RoomStore;

/// Registers, changes and deletes rooms.
pub(crate) const MANAGER: &str = "manager";

/// Reads rooms, and reviews those that they have reserved.
pub(crate) const CUSTOMER: &str = "customer";

/// The state of the handlers.
#[derive(Clone)]
pub struct StorageState {
    /// The commands.
    pub rooms: RoomStore,
    /// The rows of the rooms.
    pub storages: Repository<RoomRow>,
    /// The rows of the reviews.
    pub reviews: Repository<ReviewRow>,
    /// The process.
    pub host: Host,
}

impl FromRef<StorageState> for RoomStore {
    fn from_ref(state: &StorageState) -> Self {
        state.rooms.clone()
    }
}

impl FromRef<StorageState> for Repository<RoomRow> {
    fn from_ref(state: &StorageState) -> Self {
        state.storages.clone()
    }
}

impl FromRef<StorageState> for Repository<ReviewRow> {
    fn from_ref(state: &StorageState) -> Self {
        state.reviews.clone()
    }
}
