//! Placeholders `{name}` in the files of a fleet and in `--store`.

/// Replaces every `{name}` for which `value` returns a text. Other braces stay.
pub fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, after)) = next_name(rest) {
        filled.push_str(before);
        match value(name) {
            Some(value) => filled.push_str(&value),
            None => filled.extend(["{", name, "}"]),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// The names of all placeholders.
pub fn names(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, name, after)) = next_name(rest) {
        found.push(name);
        rest = after;
    }
    found
}

/// Whether the text is a name: a lower-case letter, then lower-case letters, digits and dashes. JSON and TOML in braces are
/// therefore no placeholders.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('{').find_map(|(open, _)| {
        let (name, after) = text[open + 1..].split_once('}')?;
        is_name(name).then_some((&text[..open], name, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_replaced_and_every_other_brace_stays() {
        let text = r#"curl {crane}/lifts/{id} -d '{"a":{crane}}' {"#;
        let filled = fill(text, |name| (name == "crane").then(|| "http://c".to_owned()));
        assert_eq!(filled, r#"curl http://c/lifts/{id} -d '{"a":http://c}' {"#);
    }

    #[test]
    fn json_in_braces_is_no_name() {
        assert_eq!(names(r#"{"id":1} {a = 1} {} {A} {crane} {boat-2}"#), ["crane", "boat-2"]);
    }
}
