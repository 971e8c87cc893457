//! The storage context.
