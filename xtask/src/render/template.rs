//! The texts with placeholders.

/// The version of the workspace, which is the tag of the images.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Replaces every `{name}` by its value. A line that has only a placeholder is dropped if the value is empty.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let value =
        |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.trim_end_matches('\n'));
    let mut filled = String::with_capacity(text.len());
    for line in text.lines() {
        let only = line.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).and_then(value);
        if only.is_some_and(str::is_empty) {
            continue;
        }
        filled.push_str(&manifest::template::fill(line, |name| value(name).map(str::to_owned)));
        filled.push('\n');
    }
    filled
}

/// One text for each value, one after another.
pub fn each<T>(values: impl IntoIterator<Item = T>, text: impl Fn(T) -> String) -> String {
    values.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_gets_its_value_and_an_empty_one_leaves_no_line() {
        let text = "name: {name}\n{more}\nend ${TAG:-{version}}\n";
        let values = [("name", "crane"), ("version", "1"), ("more", "")];
        assert_eq!(fill(text, &values), "name: crane\nend ${TAG:-1}\n");
        let values = [("name", "crane"), ("version", "1"), ("more", "  a: 1\n  b: 2\n")];
        assert_eq!(fill(text, &values), "name: crane\n  a: 1\n  b: 2\nend ${TAG:-1}\n");
    }
}
