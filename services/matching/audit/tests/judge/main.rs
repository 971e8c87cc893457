//! The laws: a sound picture violates none, and whatever is changed in it violates some.

#[cfg(test)]
mod laws;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod world;
