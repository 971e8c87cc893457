//! Which route a request path selects.

pub mod own_paths;
pub mod path;
pub mod pattern;
