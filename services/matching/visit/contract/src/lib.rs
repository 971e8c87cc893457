//! What the visit context tells the world.
