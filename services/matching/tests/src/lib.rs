//! The hard cases of the matching fleet, on real processes.
