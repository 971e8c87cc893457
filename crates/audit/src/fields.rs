use std::fmt;
use std::sync::Arc;

use events::shown;
use serde_json::Value;

/// Characters of a value that a report shows at most.
const MAX_SHOWN: usize = 300;

/// Values by name, in the order of the names: a row of a table, or the data of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(Arc<str>, Value)>);

/// [`Fields`] from names and values: `fields! { "id": case.id, "price": row.i64("price") }`. `None` is null.
#[macro_export]
macro_rules! fields {
    ($($name:literal : $value:expr),* $(,)?) => {
        <$crate::Fields as ::std::iter::FromIterator<(&str, $crate::Value)>>::from_iter([
            $(($name, $crate::json!($value))),*
        ])
    };
}

impl Fields {
    /// The value of that name; null if there is none.
    pub fn get(&self, name: &str) -> &Value {
        self.place(name).map_or(&Value::Null, |place| &self.0[place].1)
    }

    /// The whole number of that name.
    pub fn i64(&self, name: &str) -> Option<i64> {
        self.get(name).as_i64()
    }

    /// The text of that name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).as_str()
    }

    /// Whether the value of that name is true, or 1.
    pub fn flag(&self, name: &str) -> bool {
        let value = self.get(name);
        value.as_bool().unwrap_or_else(|| value.as_i64() == Some(1))
    }

    /// The value of that name as JSON, on one line.
    pub(crate) fn show(&self, name: &str) -> String {
        shown(&self.get(name).to_string(), MAX_SHOWN)
    }

    /// Whether there is a value of that name, null included.
    pub fn has(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// The values but those of these names.
    #[must_use]
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|(name, _)| !names.contains(&&**name));
        self
    }

    /// Replaces or adds a value.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        match self.place(name) {
            Ok(place) => self.0[place].1 = value.into(),
            Err(place) => self.0.insert(place, (name.into(), value.into())),
        }
    }

    /// The names whose values differ. A missing value is null.
    pub fn differences<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let more = other.names().filter(|name| !self.has(name));
        self.names().chain(more).filter(|name| self.get(name) != other.get(name))
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
    }
}

impl<N: Into<Arc<str>>> FromIterator<(N, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(fields: I) -> Self {
        let mut fields: Vec<(Arc<str>, Value)> = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self(fields)
    }
}

/// Without nulls.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names().filter(|name| !self.get(name).is_null());
        let values = names.map(|name| format!("{name}={}", self.show(name)));
        f.write_str(&values.collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_name_and_type() {
        let row = fields! { "weight": 7, "owner": "kim", "lifted": 1, "lowered": None::<i64> };
        assert_eq!((row.i64("weight"), row.text("owner"), row.flag("lifted")), (Some(7), Some("kim"), true));
        assert_eq!((row.i64("owner"), row.text("weight"), row.flag("lowered")), (None, None, false));
        assert_eq!((row.has("lowered"), row.has("ship")), (true, false));
        assert_eq!(row.to_string(), r#"lifted=1 owner="kim" weight=7"#);
    }

    #[test]
    fn a_row_is_kept_without_what_is_personal() {
        let row = fields! { "weight": 7, "phone": "5551234" };
        assert_eq!(row.without(&["phone"]), fields! { "weight": 7 });
    }

    #[test]
    fn a_missing_value_differs_from_every_value_but_null() {
        let one = fields! { "weight": 7, "owner": None::<i64> };
        let mut other = fields! { "weight": 8, "ship": "Ada" };
        assert_eq!(one.differences(&other).collect::<Vec<_>>(), ["weight", "ship"]);
        other.set("weight", 7);
        other.set("ship", Value::Null);
        assert_eq!(one.differences(&other).count(), 0);
    }

    #[test]
    fn a_value_is_shown_on_one_line() {
        assert_eq!(fields! { "owner": "a\nb\u{9b}" }.to_string().lines().count(), 1);
    }
}
