use std::fmt::{Debug, Display};
use std::hash::Hash;

use ambient::Uuid;

/// The key of a business case: the key of its records, and of its row.
///
/// A text, such as an article number, has at most 64 characters, by the rules of its context.
pub trait Key: Clone + Ord + Hash + Debug + Display + Send + Sync + 'static {}

impl Key for i64 {}

impl Key for String {}

impl Key for Uuid {}
