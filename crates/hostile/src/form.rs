//! The form of inputs with several parts: lines of text, so that people can read and write them.

/// `name: value` lines, an empty line, the rest.
pub struct Message<'a> {
    /// In their order. A line without a colon is left out.
    pub headers: Vec<(&'a [u8], &'a [u8])>,
    /// What comes after the empty line.
    pub body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Any bytes are a message.
    pub fn read(mut rest: &'a [u8]) -> Self {
        let mut headers = Vec::new();
        while !rest.is_empty() {
            let (line, after) = first_line(rest);
            rest = after;
            if line.is_empty() {
                break;
            }
            headers.extend(header(line));
        }
        Self { headers, body: rest }
    }
}

/// The first line without its end, and what comes after it.
pub fn first_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

fn header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    Some((&line[..colon], line[colon + 1..].trim_ascii()))
}
