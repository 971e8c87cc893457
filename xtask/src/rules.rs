//! The rules, one per file.

pub mod budgets;
pub mod checkpoints;
pub mod circles;
pub mod directions;
pub mod fleet_words;
pub mod forbidden;
pub mod names;
pub mod reach;
pub mod retired_words;
pub mod sizes;
