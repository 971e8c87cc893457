//! The description of a fleet: its manifest and the files that it names.

pub mod fleets;
pub mod role;
