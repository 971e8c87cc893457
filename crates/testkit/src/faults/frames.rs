//! Framing of the protocol of Kafka.

use std::mem;

/// Bytes of the length prefix of a message.
const LENGTH_BYTES: usize = 4;

/// Splits a stream of bytes into messages, each with its length prefix.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    buffer: Vec<u8>,
}

impl Frames {
    /// Adds received bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete message.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        let length: [u8; LENGTH_BYTES] = self.buffer.get(..LENGTH_BYTES)?.try_into().ok()?;
        let whole = LENGTH_BYTES + usize::try_from(u32::from_be_bytes(length)).ok()?;
        if self.buffer.len() < whole {
            return None;
        }
        let rest = self.buffer.split_off(whole);
        Some(mem::replace(&mut self.buffer, rest))
    }
}

/// Replaces the port in the advertised address of a broker. In the protocol the port follows the host and has four bytes, so
/// no length changes.
#[derive(Debug, Clone)]
pub(crate) struct PortRewrite {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl PortRewrite {
    pub(crate) fn new(host: &str, from: u16, to: u16) -> Self {
        let encoded = |port: u16| [host.as_bytes(), &u32::from(port).to_be_bytes()].concat();
        Self { from: encoded(from), to: encoded(to) }
    }

    /// Replaces every occurrence. Returns their number.
    pub(crate) fn apply(&self, frame: &mut [u8]) -> u64 {
        let mut times = 0;
        let mut at = 0;
        while let Some(found) = frame[at..].windows(self.from.len()).position(|window| window == self.from) {
            at += found;
            frame[at..at + self.to.len()].copy_from_slice(&self.to);
            times += 1;
        }
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_split_by_their_lengths_in_any_chunks() {
        let stream = b"\0\0\0\x03abc\0\0\0\0\0\0\0\x01d";
        for step in 1..stream.len() {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for part in stream.chunks(step) {
                frames.push(part);
                found.extend(std::iter::from_fn(|| frames.next()));
            }
            assert_eq!(found, [&b"\0\0\0\x03abc"[..], b"\0\0\0\0", b"\0\0\0\x01d"]);
        }
    }

    #[test]
    fn a_port_is_renamed_behind_its_host_alone() {
        let rewrite = PortRewrite::new("127.0.0.1", 9092, 1);
        let mut frame =
            [b"x127.0.0.1".as_slice(), &9092_u32.to_be_bytes(), b"127.0.0.2", &9092_u32.to_be_bytes()].concat();
        assert_eq!(rewrite.apply(&mut frame), 1);
        let expected = [b"x127.0.0.1".as_slice(), &1_u32.to_be_bytes(), b"127.0.0.2", &9092_u32.to_be_bytes()].concat();
        assert_eq!(frame, expected);
    }
}
