//! The match context.
