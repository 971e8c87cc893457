use ambient::Timestamp;

use crate::{EventSet, Inbound};

/// The state of a business case that begins with a command of its own context. Events of other contexts may change it,
/// and never begin it.
///
/// As for a [`Projection`](crate::Projection), every order and every repetition of the same events must lead to the same
/// state. [`react`] leaves out the events of other epochs.
pub trait Aggregate {
    /// The events that change it.
    type Event: Inbound;

    /// The events that result, published in the transaction of the state. [`Never`](crate::Never) for none.
    type Emits: EventSet;

    /// The current epoch, such as the number of the attempt.
    fn epoch(&self) -> i64;

    /// Applies an event of the current epoch, which occurred at `at`.
    fn apply(&mut self, event: &Self::Event, at: Timestamp) -> Option<Self::Emits>;
}

/// Applies an event to the state of its business case, unless it belongs to another epoch. Returns the event that results.
pub fn react<A: Aggregate>(state: &mut A, event: &A::Event, at: Timestamp) -> Option<A::Emits> {
    if event.epoch() == state.epoch() { state.apply(event, at) } else { None }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::Names;

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

    #[derive(Debug, Clone, PartialEq, Inbound)]
    #[inbound(epoch = "round")]
    enum Switch {
        Lamp(SwitchedOn),
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Names)]
    #[serde(rename_all = "camelCase")]
    enum Light {
        AllOff,
        On,
    }

    struct Room(i64, Light);

    impl Aggregate for Room {
        type Event = Switch;
        type Emits = LampEvent;

        fn epoch(&self) -> i64 {
            self.0
        }

        fn apply(&mut self, _event: &Switch, _at: Timestamp) -> Option<LampEvent> {
            self.1 = Light::On;
            Some(SwitchedOn { lamp: 1, round: self.0 }.into())
        }
    }

    #[test]
    fn events_of_other_epochs_earlier_or_later_change_nothing() {
        let (mut room, at) = (Room(2, Light::AllOff), Timestamp::from_micros(0));
        for (round, light) in [(1, Light::AllOff), (3, Light::AllOff), (2, Light::On)] {
            let emitted = react(&mut room, &Switch::Lamp(SwitchedOn { lamp: 7, round }), at);
            assert_eq!((room.1, emitted.is_some()), (light, light == Light::On), "{round}");
        }
    }

    #[test]
    fn names_are_those_in_json() {
        for light in Light::ALL {
            assert_eq!(serde_json::to_value(light).unwrap(), light.name());
            assert_eq!(Light::named(light.name()), Some(light));
        }
        assert_eq!(Light::named("AllOff"), None);
    }
}
