//! The rules, one per file.

pub mod directions;
pub mod fleet_words;
pub mod forbidden;
pub mod names;
pub mod reach;
pub mod sizes;
