//! The payment context.
