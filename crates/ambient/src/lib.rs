//! Time, ids and randomness, passed in instead of taken from the air.
