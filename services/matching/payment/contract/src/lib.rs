//! What the payment context tells the world.
