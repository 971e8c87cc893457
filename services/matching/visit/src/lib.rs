//! The visit context.
