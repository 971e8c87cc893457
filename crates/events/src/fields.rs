//! Field types that enforce their schema, on serialization and deserialization.
//!
//! Each module is for `#[serde(with = "…")]`, and its `schema` for `#[schemars(schema_with = "…")]`.

use schemars::{Schema, SchemaGenerator, json_schema};

/// The largest integer that every JSON parser represents exactly: 2^53 − 1 (RFC 8259, section 6).
pub const LARGEST: i64 = (1 << 53) - 1;

/// Maximum length of a text in characters.
pub const LONGEST: usize = 255;

/// Maximum length of a [`long_text`] in characters.
pub const LONGEST_LONG: usize = 1000;

/// An integer from 1 to [`LARGEST`].
pub mod number {
    use serde::de::{Deserialize, Deserializer, Error as _};
    use serde::ser::{Error as _, Serializer};
    use serde_json::value::RawValue;

    use super::{LARGEST, Schema, SchemaGenerator, json_schema};
    use crate::excerpt;

    /// Serializes the number. Fails if it is out of range.
    pub fn serialize<S: Serializer>(number: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        if !(1..=LARGEST).contains(number) {
            return Err(S::Error::custom(wrong(&number.to_string())));
        }
        serializer.serialize_i64(*number)
    }

    /// Deserializes the number from its digits: a double would round it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        read(text.get()).map_err(D::Error::custom)
    }

    /// The published schema.
    pub fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": LARGEST })
    }

    fn wrong(text: &str) -> String {
        format!("{} is no whole number from 1 to {LARGEST}", excerpt(text))
    }

    pub(super) fn read(json: &str) -> Result<i64, String> {
        parse(json).ok_or_else(|| wrong(json))
    }

    /// `7`, `7.0` and `70e-1` are the same integer, also in JSON Schema.
    fn parse(json: &str) -> Option<i64> {
        let (mantissa, exponent) = json.split_once(['e', 'E']).unwrap_or((json, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let significant = digits.trim_end_matches('0');
        // How many zeros follow the significant digits. Negative: some digits are behind the point.
        let behind = i64::try_from(significant.len()).ok()? - i64::try_from(whole.len()).ok()?;
        let zeros = u32::try_from(exponent.parse::<i64>().ok()?.checked_sub(behind)?).ok()?;
        let number = significant.parse::<i64>().ok()?.checked_mul(10_i64.checked_pow(zeros)?)?;
        (1..=LARGEST).contains(&number).then_some(number)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_number_is_judged_by_its_digits_and_not_by_the_nearest_double() {
            for (json, expected) in [
                ("1", 1),
                ("7.0", 7),
                ("1e3", 1_000),
                ("70E-1", 7),
                ("0.5e1", 5),
                ("1200e-2", 12),
                ("9007199254740991", LARGEST),
                ("9007199254740991.000", LARGEST),
            ] {
                assert_eq!(parse(json), Some(expected), "{json}");
            }
            for json in [
                "0",
                "0e5",
                "-0",
                "-5",
                "-5.0",
                "0.99999999999999999",
                "4503599627370497.5",
                "9007199254740992",
                "9007199254740991.1",
                "1e400",
                "1e99999999999999999999",
                "1e-400",
                "1.5",
                "\"7\"",
                "null",
                "true",
                "[7]",
                "{}",
            ] {
                assert_eq!(parse(json), None, "{json}");
            }
        }
    }
}

/// An optional [`number`]. Such a field needs `#[serde(default, skip_serializing_if = "Option::is_none")]` too.
pub mod optional_number {
    use serde::de::{Deserialize, Deserializer, Error as _};
    use serde::ser::Serializer;
    use serde_json::value::RawValue;

    use super::{LARGEST, Schema, SchemaGenerator, json_schema, number};

    /// Serializes the number. Fails if it is out of range.
    pub fn serialize<S: Serializer>(number: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        match number {
            Some(number) => number::serialize(number, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Deserializes the number from its digits.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        let text = Option::<Box<RawValue>>::deserialize(deserializer)?;
        text.map(|text| number::read(text.get()).map_err(D::Error::custom)).transpose()
    }

    /// The published schema.
    pub fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "null"], "format": "int64", "minimum": 1, "maximum": LARGEST })
    }
}

/// A text of 1 to [`LONGEST`] characters without U+0000, which `PostgreSQL` cannot store.
pub mod text {
    use serde::de::{Deserialize, Deserializer, Error as _};
    use serde::ser::{Error as _, Serializer};

    use super::{LONGEST, Schema, SchemaGenerator, json_schema};

    /// Serializes the text. Fails if it violates the schema.
    pub fn serialize<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
        write(text, LONGEST, serializer)
    }

    /// Deserializes the text. Fails if it violates the schema.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        read(LONGEST, deserializer)
    }

    /// The published schema.
    pub fn schema(_: &mut SchemaGenerator) -> Schema {
        schema_of(LONGEST)
    }

    pub(super) fn write<S: Serializer>(text: &str, longest: usize, serializer: S) -> Result<S::Ok, S::Error> {
        if !fits(text, longest) {
            return Err(S::Error::custom(wrong(longest)));
        }
        serializer.serialize_str(text)
    }

    pub(super) fn read<'de, D: Deserializer<'de>>(longest: usize, deserializer: D) -> Result<String, D::Error> {
        let text = String::deserialize(deserializer)?;
        if fits(&text, longest) { Ok(text) } else { Err(D::Error::custom(wrong(longest))) }
    }

    pub(super) fn schema_of(longest: usize) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": longest, "pattern": "^[^\\u0000]*$" })
    }

    pub(super) fn fits(text: &str, longest: usize) -> bool {
        (1..=longest).contains(&text.chars().count()) && !text.contains('\0')
    }

    pub(super) fn wrong(longest: usize) -> String {
        format!("a text is not 1 to {longest} characters, or has U+0000 in it")
    }
}

/// A text of 1 to [`LONGEST_LONG`] characters without U+0000, such as an explanation.
pub mod long_text {
    use serde::de::Deserializer;
    use serde::ser::Serializer;

    use super::{LONGEST_LONG, Schema, SchemaGenerator, text};

    /// Serializes the text. Fails if it violates the schema.
    pub fn serialize<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
        text::write(text, LONGEST_LONG, serializer)
    }

    /// Deserializes the text. Fails if it violates the schema.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        text::read(LONGEST_LONG, deserializer)
    }

    /// The published schema.
    pub fn schema(_: &mut SchemaGenerator) -> Schema {
        text::schema_of(LONGEST_LONG)
    }
}

/// An optional [`text`]. Such a field needs `#[serde(default, skip_serializing_if = "Option::is_none")]` too.
pub mod optional_text {
    use serde::de::{Deserialize, Deserializer, Error as _};
    use serde::ser::{Error as _, Serializer};

    use super::text::{fits, wrong};
    use super::{LONGEST, Schema, SchemaGenerator, json_schema};

    /// Serializes the text. Fails if it violates the schema.
    pub fn serialize<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
        match text {
            Some(text) if !fits(text, LONGEST) => Err(S::Error::custom(wrong(LONGEST))),
            Some(text) => serializer.serialize_some(text),
            None => serializer.serialize_none(),
        }
    }

    /// Deserializes the text. Fails if it violates the schema.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let is_right = text.as_deref().is_none_or(|text| fits(text, LONGEST));
        if is_right { Ok(text) } else { Err(D::Error::custom(wrong(LONGEST))) }
    }

    /// The published schema.
    pub fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "null"], "minLength": 1, "maxLength": LONGEST, "pattern": "^[^\\u0000]*$" })
    }
}

/// A date such as `2021-01-21` (RFC 3339, `full-date`).
pub mod date {
    use jiff::civil::Date;
    use serde::de::{Deserialize, Deserializer, Error as _};
    use serde::ser::{Error as _, Serializer};

    use super::{Schema, SchemaGenerator, json_schema};
    use crate::excerpt;

    /// Serializes the date. Fails if it is invalid.
    pub fn serialize<S: Serializer>(day: &str, serializer: S) -> Result<S::Ok, S::Error> {
        if !is_day(day) {
            return Err(S::Error::custom(wrong(day)));
        }
        serializer.serialize_str(day)
    }

    /// Deserializes the date. Fails if it is invalid.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        let day = String::deserialize(deserializer)?;
        if is_day(&day) { Ok(day) } else { Err(D::Error::custom(wrong(&day))) }
    }

    /// The published schema.
    pub fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date" })
    }

    fn wrong(day: &str) -> String {
        format!("\"{}\" is no day such as 2021-01-21", excerpt(day))
    }

    /// Other forms that can be parsed as a date are not in the schema.
    fn is_day(text: &str) -> bool {
        let fits = |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
        text.bytes().enumerate().all(fits) && text.parse::<Date>().is_ok()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_day_is_a_day_of_the_calendar_in_one_form() {
            for day in ["2021-01-21", "2024-02-29", "0000-01-01", "9999-12-31"] {
                assert!(is_day(day), "{day}");
            }
            for text in [
                "",
                "2021-02-29",
                "2021-13-01",
                "2021-01-2",
                "2021-01-211",
                "21-01-21",
                "20210121",
                "2021-01-21T00:00:00",
                "2021-1-021",
                "٢٠٢١-٠",
            ] {
                assert!(!is_day(text), "{text}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::{JsonSchema, schema_for};
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, from_value, json, to_value};

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Ticket {
        #[serde(with = "super::number")]
        #[schemars(schema_with = "super::number::schema")]
        id: i64,
        #[serde(default, skip_serializing_if = "Option::is_none", with = "super::optional_number")]
        #[schemars(schema_with = "super::optional_number::schema")]
        price: Option<i64>,
        #[serde(with = "super::text")]
        #[schemars(schema_with = "super::text::schema")]
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none", with = "super::optional_text")]
        #[schemars(schema_with = "super::optional_text::schema")]
        note: Option<String>,
        #[serde(with = "super::date")]
        #[schemars(schema_with = "super::date::schema")]
        day: String,
        #[serde(with = "super::long_text")]
        #[schemars(schema_with = "super::long_text::schema")]
        story: String,
    }

    fn ticket() -> Ticket {
        Ticket { id: 7, price: None, name: "Ann".into(), note: None, day: "2021-01-21".into(), story: "Once".into() }
    }

    /// The ticket in JSON, with another value of a field.
    fn with(field: &str, value: &Value) -> Value {
        let mut ticket = to_value(ticket()).unwrap();
        ticket[field] = value.clone();
        ticket
    }

    #[test]
    fn a_valid_value_reads_back_as_it_was_written() {
        let longest = "é".repeat(255);
        let story = "é".repeat(1000);
        let full = Ticket { price: Some(1), name: longest.clone(), note: Some(longest), story, ..ticket() };
        for ticket in [ticket(), full] {
            assert_eq!(from_value::<Ticket>(to_value(&ticket).unwrap()).unwrap(), ticket);
        }
        let written = json!({ "id": 7, "name": "Ann", "day": "2021-01-21", "story": "Once" });
        assert_eq!(to_value(ticket()).unwrap(), written, "an optional field is absent");
    }

    #[test]
    fn an_optional_field_is_absent_null_or_valid() {
        for (field, value, expected) in [
            ("price", json!(null), ticket()),
            ("note", json!(null), ticket()),
            ("price", json!(7), Ticket { price: Some(7), ..ticket() }),
            ("note", json!("late"), Ticket { note: Some("late".into()), ..ticket() }),
        ] {
            assert_eq!(from_value::<Ticket>(with(field, &value)).unwrap(), expected, "{field}: {value}");
        }
    }

    #[test]
    fn an_invalid_value_is_neither_read_nor_written() {
        let too_long = "x".repeat(256);
        let text = ["", &too_long, "a\0b"];
        let wrong = text.iter().flat_map(|text| {
            let text = (*text).to_owned();
            [Ticket { name: text.clone(), ..ticket() }, Ticket { note: Some(text), ..ticket() }]
        });
        let others = [
            Ticket { id: 0, ..ticket() },
            Ticket { price: Some(0), ..ticket() },
            Ticket { id: super::LARGEST + 1, ..ticket() },
            Ticket { day: "2021-02-29".into(), ..ticket() },
            Ticket { story: "x".repeat(1001), ..ticket() },
            Ticket { story: String::new(), ..ticket() },
        ];
        for ticket in wrong.chain(others) {
            assert!(to_value(&ticket).is_err(), "{ticket:?}");
        }
        for (field, value, reason) in [
            ("id", json!(0), "0 is no whole number from 1 to 9007199254740991"),
            ("price", json!(1.5), "1.5 is no whole number from 1 to 9007199254740991"),
            ("name", json!(""), "a text is not 1 to 255 characters, or has U+0000 in it"),
            ("note", json!(too_long), "a text is not 1 to 255 characters, or has U+0000 in it"),
            ("story", json!("a\0b"), "a text is not 1 to 1000 characters, or has U+0000 in it"),
            ("day", json!("21 May"), "\"21 May\" is no day such as 2021-01-21"),
        ] {
            assert_eq!(from_value::<Ticket>(with(field, &value)).unwrap_err().to_string(), reason);
        }
    }

    #[test]
    fn the_schema_has_the_rules_of_each_field() {
        let number = json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": super::LARGEST });
        let text = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[^\\u0000]*$" });
        let or_null = |schema: &Value| {
            let mut schema = schema.clone();
            schema["type"] = json!([schema["type"], "null"]);
            schema
        };
        let schema = to_value(schema_for!(Ticket)).unwrap();
        let (price, note) = (or_null(&number), or_null(&text));
        let day = json!({ "type": "string", "format": "date" });
        let mut story = text.clone();
        story["maxLength"] = json!(1000);
        let expected = json!({ "id": number, "price": price, "name": text, "note": note, "day": day, "story": story });
        assert_eq!(schema["properties"], expected);
    }
}
