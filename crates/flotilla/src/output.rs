//! What a user sees: lines, tables, events.

pub mod columns;
pub mod event;
pub mod screen;
pub mod summary;
