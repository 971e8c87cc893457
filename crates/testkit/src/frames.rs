use std::mem;

/// The length that stands before each message of Kafka's protocol.
const LENGTH: usize = 4;

/// Cuts a stream of bytes into the messages of Kafka's protocol, each with its length before it.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    read: Vec<u8>,
}

impl Frames {
    /// More bytes have come.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.read.extend_from_slice(bytes);
    }

    /// The next message, once it is there whole.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        let length: [u8; LENGTH] = self.read.get(..LENGTH)?.try_into().ok()?;
        let whole = LENGTH + usize::try_from(u32::from_be_bytes(length)).ok()?;
        if self.read.len() < whole {
            return None;
        }
        let rest = self.read.split_off(whole);
        Some(mem::replace(&mut self.read, rest))
    }
}

/// Has a broker name another port of its host. In Kafka's protocol a port follows its host and has four bytes, so no length
/// changes.
#[derive(Debug, Clone)]
pub(crate) struct Rename {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Rename {
    pub(crate) fn of_port(host: &str, from: u16, to: u16) -> Self {
        let named = |port: u16| [host.as_bytes(), &u32::from(port).to_be_bytes()].concat();
        Self { from: named(from), to: named(to) }
    }

    /// Renames it wherever it is named, and tells how often that was.
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
    fn messages_are_cut_where_their_lengths_say_however_they_come() {
        let stream = b"\0\0\0\x03abc\0\0\0\0\0\0\0\x01d";
        for step in 1..stream.len() {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for part in stream.chunks(step) {
                frames.take(part);
                found.extend(std::iter::from_fn(|| frames.next()));
            }
            assert_eq!(found, [&b"\0\0\0\x03abc"[..], b"\0\0\0\0", b"\0\0\0\x01d"]);
        }
    }

    #[test]
    fn a_port_is_renamed_behind_its_host_alone() {
        let rename = Rename::of_port("127.0.0.1", 9092, 1);
        let mut frame =
            [b"x127.0.0.1".as_slice(), &9092_u32.to_be_bytes(), b"127.0.0.2", &9092_u32.to_be_bytes()].concat();
        assert_eq!(rename.apply(&mut frame), 1);
        let expected = [b"x127.0.0.1".as_slice(), &1_u32.to_be_bytes(), b"127.0.0.2", &9092_u32.to_be_bytes()].concat();
        assert_eq!(frame, expected);
    }
}
