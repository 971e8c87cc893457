//! Starts it.
fn main() {}
