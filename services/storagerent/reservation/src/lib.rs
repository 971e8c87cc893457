//! The reservation context.
