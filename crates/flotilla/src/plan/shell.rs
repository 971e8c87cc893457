//! Quoting for commands that a user pastes into a shell.

/// Quotes a text as one shell word.
pub fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@+,%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_the_text_that_was_meant() {
        assert_eq!(word("/a-b/c_d.toml"), "/a-b/c_d.toml");
        for text in ["", "a b", "it's", "$(rm x)", "a\"b\\", "~", "a;b", "*"] {
            let read = Command::new("sh").args(["-c", &format!("printf %s \"$(printf %s {})\"", word(text))]).output();
            assert_eq!(String::from_utf8(read.unwrap().stdout).unwrap(), text);
        }
    }
}
