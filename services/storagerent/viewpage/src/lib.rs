//! The viewpage context.
