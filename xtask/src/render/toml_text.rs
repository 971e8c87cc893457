//! TOML values as text.

use std::fmt::Write as _;
use toml::{Table, Value};

/// The table as a section with this name, and its own tables as further sections.
pub fn section(name: &str, table: &Table) -> String {
    let (tables, keys): (Vec<_>, Vec<_>) = table.iter().partition(|(_, value)| value.is_table());
    let mut text = if keys.is_empty() { String::new() } else { format!("[{name}]\n") };
    for (key, value) in keys {
        text.push_str(&pair(key, value));
    }
    for (key, value) in tables.iter().filter_map(|(key, value)| Some((key, value.as_table()?))) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&section(&format!("{name}.{key}"), value));
    }
    text
}

/// A key and its value, on one line.
pub fn pair(key: &str, value: &Value) -> String {
    format!("{key} = {}\n", text(value))
}

/// A list of texts.
pub fn list(values: &[String]) -> Value {
    Value::Array(values.iter().cloned().map(Value::String).collect())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(value) => quoted(value),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Boolean(value) => value.to_string(),
        Value::Datetime(value) => value.to_string(),
        Value::Array(values) => format!("[{}]", values.iter().map(text).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let pairs = table.iter().map(|(key, value)| format!("{key} = {}", text(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

fn quoted(value: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in value.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _a_string_takes_all = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_reads_back_as_the_same_table() {
        let text = "n = -1\nf = 0.5\nb = true\ns = 'a \"quoted\" \\ and\ta tab'\nl = ['a', 'b']\nt.u.v = [{ w = 1 }]\nt.x = 2\n";
        let table: Table = toml::from_str(text).unwrap();
        let again: Table = toml::from_str(&section("name", &table)).unwrap();
        assert_eq!(again["name"].as_table(), Some(&table));
        assert_eq!(section("name", &Table::new()), "");
    }
}
