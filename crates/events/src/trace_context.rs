use std::fmt;

use ambient::Ids;

/// A W3C trace context, version 00.
///
/// Source: <https://www.w3.org/TR/trace-context/#traceparent-header>. `tracestate` is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    sampled: bool,
}

impl TraceContext {
    /// Starts a new, sampled trace.
    pub fn new(ids: &Ids) -> Self {
        let mut trace_id = [0; 16];
        ids.fill(&mut trace_id);
        // An id of zeroes is invalid.
        trace_id[15] |= 1;
        Self { trace_id, span_id: span_id(ids), sampled: true }
    }

    /// A child span in the same trace.
    #[must_use]
    pub fn child(&self, ids: &Ids) -> Self {
        Self { span_id: span_id(ids), ..*self }
    }

    /// Parses a `traceparent` header. `None` if it is invalid: the caller then starts a new trace.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version = hex::<1>(version)?[0];
        // Version 00 ends here; later versions may add fields, 255 is forbidden.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let (trace_id, span_id) = (hex::<16>(trace_id)?, hex::<8>(span_id)?);
        let sampled = hex::<1>(flags)?[0] & 1 == 1;
        let named = trace_id != [0; 16] && span_id != [0; 8];
        named.then_some(Self { trace_id, span_id, sampled })
    }

    /// The trace id and the span id.
    pub const fn ids(&self) -> ([u8; 16], [u8; 8]) {
        (self.trace_id, self.span_id)
    }

    /// Whether the trace is sampled, as decided at its start.
    pub const fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// Sets the sampling decision.
    #[must_use]
    pub const fn sampled(self, sampled: bool) -> Self {
        Self { sampled, ..self }
    }

    /// The trace id as 32 hex digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.trace_id))
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace_id, span_id) = (u128::from_be_bytes(self.trace_id), u64::from_be_bytes(self.span_id));
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(self.sampled))
    }
}

fn span_id(ids: &Ids) -> [u8; 8] {
    let mut id = [0; 8];
    ids.fill(&mut id);
    id[7] |= 1;
    id
}

/// `N` bytes from exactly `2 N` lower-case hex digits: the standard forbids upper case.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? * 16 + digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ambient::SystemClock;

    use super::*;

    #[test]
    fn a_traceparent_reads_back_as_it_was_written() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = TraceContext::parse(text).unwrap();
        assert_eq!(trace.to_string(), text);
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn the_lowest_bit_of_the_flags_is_the_sampling_decision_and_a_later_version_may_have_further_fields() {
        let ids = "0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7";
        for (version, flags, sampled) in
            [("00", "00", false), ("00", "01", true), ("00", "02", false), ("00", "ff", true), ("01", "01-more", true)]
        {
            let trace = TraceContext::parse(&format!("{version}-{ids}-{flags}")).unwrap();
            assert_eq!(trace.is_sampled(), sampled, "{version} {flags}");
            assert_eq!(trace.to_string(), format!("00-{ids}-0{}", u8::from(sampled)));
        }
    }

    #[test]
    fn a_sampling_decision_keeps_the_ids() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        let sampled = TraceContext::parse(text).unwrap().sampled(true);
        let (trace_id, span_id) = sampled.ids();
        assert_eq!(u128::from_be_bytes(trace_id), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!((u64::from_be_bytes(span_id), sampled.is_sampled()), (0x00f0_67aa_0ba9_02b7, true));
    }

    #[test]
    fn an_invalid_traceparent_is_rejected() {
        for text in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b77-01",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }

    #[test]
    fn no_new_id_is_zero_as_its_last_bit_is_set() {
        let ids = Ids::seeded(Arc::new(SystemClock), 1);
        for _ in 0..100 {
            let trace = TraceContext::new(&ids);
            let (trace_id, span_id) = trace.ids();
            assert_eq!([trace_id[15] & 1, span_id[7] & 1, trace.child(&ids).ids().1[7] & 1], [1; 3]);
            assert!(trace.is_sampled() && trace_id[..15] != [0; 15] && span_id[..7] != [0; 7]);
        }
    }

    #[test]
    fn a_child_stays_in_its_trace_with_a_span_of_its_own() {
        let ids = Ids::seeded(Arc::new(SystemClock), 1);
        let parent = TraceContext::new(&ids);
        let child = parent.child(&ids);
        assert_eq!(child.trace_id(), parent.trace_id());
        assert_ne!(child, parent);
    }
}
