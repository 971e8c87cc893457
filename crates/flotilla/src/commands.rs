//! The commands of `flotilla`, one file each.

pub mod checks;
pub mod events;
pub mod fleet_client;
pub mod list;
pub mod rebuild;
pub mod redrive;
pub mod status;
pub mod token;
pub mod up;
