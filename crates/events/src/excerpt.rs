/// Maximum length of an excerpt in characters.
pub const EXCERPT: usize = 200;

/// The beginning of an untrusted text, for errors and log lines: see [`shown`].
pub fn excerpt(text: &str) -> String {
    shown(text, EXCERPT)
}

/// At most `most` characters of an untrusted text, as one line that is safe for terminals.
pub fn shown(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == most {
            shown.push('…');
            break;
        }
        if is_terminal_control(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// Whether it is a control character, a line separator, or a mark that changes the text direction.
pub fn is_terminal_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_bounded_and_leaves_a_terminal_alone() {
        assert_eq!(excerpt("plain é"), "plain é");
        assert_eq!(excerpt("a\u{1b}[2J\n\u{9b}\u{202e}"), "a\\u{1b}[2J\\u{a}\\u{9b}\\u{202e}");
        let long = "x".repeat(EXCERPT);
        assert_eq!(excerpt(&long), long);
        assert_eq!(excerpt(&format!("{long}y")), format!("{long}…"));
    }
}
