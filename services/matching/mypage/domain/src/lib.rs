//! What a student sees of a match.
