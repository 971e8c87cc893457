use ambient::Timestamp;

use crate::{EventSet, Inbound};

/// The state of one business case, as a fold of its events.
///
/// Topics are independent, and events are delivered more than once. So every order and every repetition of the same
/// events must lead to the same state. [`apply`] leaves out the events of earlier epochs.
pub trait Projection: Sized {
    /// The events that are folded.
    type Event: Inbound;

    /// The events that result, published in the transaction of the state. [`Never`](crate::Never) for a read model,
    /// which can be rebuilt.
    type Emits: EventSet;

    /// The state before the first event of an epoch.
    fn begin(key: <Self::Event as Inbound>::Key, epoch: i64) -> Self;

    /// The latest epoch that is known. 0 before the first event.
    fn epoch(&self) -> i64;

    /// Applies an event of the current epoch, which occurred at `at`.
    fn apply(&mut self, event: &Self::Event, at: Timestamp) -> Option<Self::Emits>;

    /// The event that results when a later epoch begins.
    fn superseded(self) -> Option<Self::Emits> {
        None
    }
}

/// Applies an event to the state of its business case. Returns the events that result.
pub fn apply<P: Projection>(state: &mut P, event: &P::Event, at: Timestamp) -> Vec<P::Emits> {
    let mut emitted = Vec::new();
    if event.epoch() < state.epoch() {
        return emitted;
    }
    if event.epoch() > state.epoch() {
        let superseded = std::mem::replace(state, P::begin(event.key(), event.epoch()));
        emitted.extend(superseded.superseded());
    }
    emitted.extend(state.apply(event, at));
    emitted
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{DecodeError, Envelope, Event, Inbound};

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, EventSet)]
    #[events(context = "lamp", key = "lamp")]
    enum LampEvent {
        SwitchedOn(SwitchedOn),
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct SwitchedOn {
        lamp: i64,
        round: i64,
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, EventSet)]
    #[events(context = "room", key = "name", key_type = "String")]
    enum RoomEvent {
        SwitchedOn(Lit),
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Lit {
        name: String,
        lamp: i64,
        round: i64,
    }

    #[derive(Debug, Clone, PartialEq, Inbound)]
    #[inbound(epoch = "round")]
    enum Switch {
        Lamp(SwitchedOn),
        #[inbound(key = "lamp")]
        Room(Lit),
    }

    #[derive(Debug, PartialEq)]
    struct Lamp {
        id: i64,
        round: i64,
        switched: u32,
    }

    impl Projection for Lamp {
        type Event = Switch;
        type Emits = LampEvent;

        fn begin(id: i64, round: i64) -> Self {
            Self { id, round, switched: 0 }
        }

        fn epoch(&self) -> i64 {
            self.round
        }

        fn apply(&mut self, _event: &Switch, _at: Timestamp) -> Option<LampEvent> {
            self.switched += 1;
            None
        }

        fn superseded(self) -> Option<LampEvent> {
            (self.switched > 0).then(|| SwitchedOn { lamp: self.id, round: self.round }.into())
        }
    }

    fn envelope(context: &str, subject: &str, data: &str) -> Envelope {
        Envelope {
            id: "0196".into(),
            source: format!("/fleet/{context}"),
            kind: "SwitchedOn".into(),
            subject: subject.into(),
            time: Timestamp::from_micros(0),
            trace: None,
            data: data.into(),
        }
    }

    fn decode(context: &str, subject: &str, data: &str) -> Result<Option<Switch>, DecodeError> {
        Switch::decode(&envelope(context, subject, data))
    }

    #[test]
    fn an_inbound_event_is_decoded_by_its_context_and_its_type() {
        let lamp = Switch::Lamp(SwitchedOn { lamp: 7, round: 1 });
        assert_eq!(decode("lamp", "7", r#"{"lamp":7,"round":1}"#).unwrap(), Some(lamp));
        let room = decode("room", "hall", r#"{"name":"hall","lamp":8,"round":1}"#).unwrap().unwrap();
        assert_eq!((room.key(), room.epoch()), (8, 1));
        assert_eq!(decode("garden", "7", "not JSON").unwrap(), None);
    }

    #[derive(Debug, Clone, PartialEq, Inbound)]
    enum Timeless {
        Lamp(SwitchedOn),
    }

    #[test]
    fn without_the_attribute_all_events_are_of_one_epoch() {
        let epochs = [1, 7].map(|round| Timeless::Lamp(SwitchedOn { lamp: 7, round }).epoch());
        assert_eq!(epochs, [0, 0]);
    }

    #[test]
    fn the_key_of_an_event_must_be_its_subject() {
        let error = decode("room", "7", r#"{"name":"hall","lamp":7,"round":1}"#).unwrap_err();
        assert_eq!(error.to_string(), "SwitchedOn: it is about hall, but its subject is \"7\"");
        assert!(decode("lamp", "07", r#"{"lamp":7,"round":1}"#).is_err());
        assert!(decode("lamp", "7", "[7,1]").is_err(), "an array is no object");
    }

    #[test]
    fn the_events_of_a_set_have_its_context_and_their_own_names() {
        assert_eq!((LampEvent::CONTEXT, LampEvent::KINDS), ("lamp", &["SwitchedOn"][..]));
        assert_eq!((<Lit as Event>::CONTEXT, <Lit as Event>::NAME), ("room", "SwitchedOn"));
        assert_eq!(EventSet::key(&RoomEvent::from(Lit { name: "hall".into(), lamp: 7, round: 1 })), "hall");
    }

    #[test]
    fn a_later_epoch_supersedes_and_an_earlier_one_changes_nothing() {
        let (mut lamp, at) = (Lamp::begin(7, 0), Timestamp::from_micros(0));
        let event = |round| Switch::Lamp(SwitchedOn { lamp: 7, round });
        for (round, superseded, switched) in [(2, None, 1), (2, None, 2), (1, None, 2), (3, Some(2), 1)] {
            let emitted = superseded.map(|round| SwitchedOn { lamp: 7, round }.into());
            assert_eq!(apply(&mut lamp, &event(round), at), Vec::from_iter(emitted));
            assert_eq!(lamp, Lamp { id: 7, round: round.max(2), switched });
        }
    }
}
