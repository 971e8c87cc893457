//! The laws: a sound fleet violates none, and each change violates one.

#[cfg(test)]
mod laws;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod world;
