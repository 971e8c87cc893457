//! Which request paths can be compared with routes safely.

/// Rejects a path that is ambiguous.
///
/// The gateway matches the text of a path, and the service parses the same text in its own way. Where the two may
/// differ (`/a/../b`, `%2e`, `//`), a request could reach a path that no route covers. Such paths are rejected, not
/// normalized.
pub fn check(path: &str) -> Result<(), &'static str> {
    let rest = path.strip_prefix('/').ok_or("the path must start with /")?;
    if let Some(bad) = rest.bytes().find(|byte| !byte.is_ascii_graphic() || *byte == b'\\') {
        return Err(if bad == b'\\' { "the path has a backslash" } else { "the path has a character to be escaped" });
    }
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        // The last segment may be empty: the service decides about `/things/`.
        if segment.is_empty() && segments.peek().is_some() {
            return Err("the path has an empty segment");
        }
        if matches!(segment, "." | "..") {
            return Err("the path has a dot segment");
        }
    }
    escapes(rest)
}

/// Only necessary escapes are allowed: others would hide plain characters from the routes.
fn escapes(path: &str) -> Result<(), &'static str> {
    for escape in path.split('%').skip(1) {
        match escaped(escape) {
            None => return Err("the path has a broken escape"),
            Some(b'/' | b'\\') => return Err("the path has an escaped slash"),
            Some(byte) if byte.is_ascii_control() => return Err("the path has an escaped control character"),
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                return Err("the path escapes a character that needs no escape");
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The byte of the two hex digits at the start of `text`.
fn escaped(text: &str) -> Option<u8> {
    let digits = text.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_pass() {
        for path in
            ["/", "/things", "/things/", "/things/5000/events", "/things/a%20b", "/things/%C3%A9", "/a;b=c,d@e:f"]
        {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn ambiguous_paths_are_rejected() {
        for path in [
            "",
            "*",
            "things",
            "//things",
            "/things//5000",
            "/things/../approvals",
            "/things/./5000",
            "/things/..",
            "/things/%2e%2e/approvals",
            "/things/%2E%2e/approvals",
            "/things/.%2e/approvals",
            "/things%2f5000",
            "/things%2F5000",
            "/things%5c5000",
            "/things\\5000",
            "/things/%00",
            "/things/%0d%0a",
            "/things/%7f",
            "/%74hings",
            "/things/%",
            "/things/%2",
            "/things/%zz",
            "/things/%+f",
            "/things/\u{e9}",
            "/things/%é",
        ] {
            assert!(check(path).is_err(), "{path}");
        }
    }
}
