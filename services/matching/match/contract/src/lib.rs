//! What the match context tells the world.
