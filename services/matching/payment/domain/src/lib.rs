//! The payment of a match.
