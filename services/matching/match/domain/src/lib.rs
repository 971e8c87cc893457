//! The match: its states and what may follow what.
