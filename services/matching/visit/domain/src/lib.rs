//! Visit requests and visits.
