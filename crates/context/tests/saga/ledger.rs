//! Participants that keep to their contract, on a network that does not: calls fail before and after their effect, come
//! late, and come again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use context::saga::{NotCompensated, Participant, Reply};
use events::TraceContext;
use tokio::sync::watch;
use tokio::task::yield_now;

use crate::booking::{Booking, Trip};

/// What happens to the next call of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionFault {
    None,
    Declined,
    NotSent,
    /// There is no reply, and no effect.
    LostBefore,
    /// There is no reply, and the effect takes place.
    LostAfter,
    /// There is no reply. The effect takes place after so many other calls, or at the end.
    Late(u8),
    /// The call is received when the gate opens.
    SlowBefore,
    /// The effect takes place at once, and the reply arrives when the gate opens.
    SlowAfter,
    /// The connection breaks when the gate opens.
    SlowLost,
}

/// What happens to the next call of a compensation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompensationFault {
    None,
    LostBefore,
    LostAfter,
    /// There is no reply. The call is received after so many other calls, or at the end.
    Late(u8),
    /// It is confirmed, and received again after so many other calls, or at the end.
    Repeated(u8),
    /// It is received, and the reply arrives when the gate opens.
    Slow,
}

/// The faults of one attempt, by step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    pub actions: Vec<VecDeque<ActionFault>>,
    pub compensations: Vec<VecDeque<CompensationFault>>,
}

/// The effect of an attempt at one participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Applied,
    /// Compensated, or never applied: it is not applied any more.
    Void,
}

type Place = (i64, i64, usize);

#[derive(Debug, Clone, Copy)]
struct InFlight {
    place: Place,
    is_action: bool,
    after: u8,
}

#[derive(Default)]
struct State {
    faults: BTreeMap<(i64, i64), Faults>,
    effects: BTreeMap<Place, Effect>,
    /// How often an effect was applied.
    applied: BTreeMap<Place, u32>,
    in_flight: Vec<InFlight>,
    in_progress: BTreeSet<Place>,
    calls: Vec<(Place, &'static str)>,
    violations: Vec<String>,
    unavailable_for: Option<Duration>,
    /// Whether slow calls wait for the gate.
    waits: bool,
}

/// All participants.
pub struct Ledger {
    state: Mutex<State>,
    /// While it is closed, slow calls wait.
    gate: Mutex<watch::Sender<bool>>,
    /// Whether a slow call waits.
    blocked: watch::Sender<bool>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { state: Mutex::default(), gate: Mutex::default(), blocked: watch::Sender::new(false) }
    }
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The faults of an attempt, with a gate of its own. Returns the gate before.
    pub fn plan(&self, trip: &Trip, faults: Faults) -> watch::Sender<bool> {
        self.blocked.send_replace(false);
        let mut state = self.state();
        state.waits = true;
        state.faults.insert((trip.id, trip.attempt), faults);
        std::mem::take(&mut *self.gate.lock().unwrap())
    }

    pub fn add_compensation_fault(&self, trip: &Trip, step: usize, fault: CompensationFault) {
        let mut state = self.state();
        let faults = state.faults.entry((trip.id, trip.attempt)).or_default();
        faults.compensations.resize(3, VecDeque::new());
        faults.compensations[step].push_back(fault);
    }

    pub fn end_faults(&self) {
        self.state().faults.clear();
    }

    pub fn set_unavailable(&self, unavailable_for: Option<Duration>) {
        self.state().unavailable_for = unavailable_for;
    }

    /// Whether a slow call waits for the gate.
    pub fn is_blocked(&self) -> bool {
        *self.blocked.borrow()
    }

    pub fn open_gate(&self) {
        self.gate.lock().unwrap().send_replace(true);
    }

    /// Delivers all calls that are still on their way.
    pub fn deliver_all(&self) {
        let mut state = self.state();
        while let Some(late) = state.in_flight.pop() {
            state.receive(late);
        }
    }

    pub fn effect(&self, trip: &Trip, step: usize) -> (Option<Effect>, u32) {
        let (state, place) = (self.state(), (trip.id, trip.attempt, step));
        (state.effects.get(&place).copied(), state.applied.get(&place).copied().unwrap_or(0))
    }

    /// The calls of an attempt, in the order in which they were made.
    pub fn calls(&self, trip: &Trip) -> Vec<(usize, &'static str)> {
        let of_trip = |place: &Place| (place.0, place.1) == (trip.id, trip.attempt);
        self.state().calls.iter().filter(|(place, _)| of_trip(place)).map(|(place, call)| (place.2, *call)).collect()
    }

    pub fn violations(&self) -> Vec<String> {
        std::mem::take(&mut self.state().violations)
    }

    /// From now on a slow call does not wait, unless it waits already.
    pub fn end_waiting(&self) {
        self.state().waits = false;
    }

    async fn wait_for_gate(&self) {
        if !self.state().waits {
            return;
        }
        let mut gate = self.gate.lock().unwrap().subscribe();
        self.blocked.send_replace(true);
        let _ = gate.wait_for(|open| *open).await;
    }
}

impl State {
    /// The participant's rule for an action.
    fn act(&mut self, place: Place) -> Reply<String> {
        match self.effects.get(&place) {
            Some(Effect::Applied) => {}
            Some(Effect::Void) => return Reply::Declined("compensated".into()),
            None => {
                self.effects.insert(place, Effect::Applied);
                *self.applied.entry(place).or_default() += 1;
            }
        }
        Reply::Done
    }

    /// The participant's rule for a compensation.
    fn undo(&mut self, place: Place) {
        self.effects.insert(place, Effect::Void);
    }

    fn receive(&mut self, late: InFlight) {
        if late.is_action {
            let _ = self.act(late.place);
        } else {
            self.undo(late.place);
        }
    }

    /// A call is made: others arrive before it.
    fn begin_call(&mut self, place: Place, call: &'static str) {
        self.calls.push((place, call));
        let (due, rest) = self.in_flight.iter().partition(|late| late.after == 0);
        self.in_flight = rest;
        let due: Vec<InFlight> = due;
        for late in due {
            self.receive(late);
        }
        self.in_flight.iter_mut().for_each(|late| late.after -= 1);
        if !self.in_progress.insert(place) {
            self.violations.push(format!("{call} at {place:?} is called twice at once"));
        }
    }

    /// A step is compensated: what came after it is undone, and cannot come back.
    fn check_order(&mut self, (id, attempt, step): Place) {
        for later in step + 1..3 {
            let place = (id, attempt, later);
            let comes_back = self.in_flight.iter().any(|late| late.is_action && late.place == place);
            match self.effects.get(&place) {
                Some(Effect::Applied) => {
                    self.violations.push(format!("{step} is compensated before {later}: {place:?}"));
                }
                None if comes_back => self.violations.push(format!("{later} may still be executed: {place:?}")),
                Some(Effect::Void) | None => {}
            }
        }
    }

    fn next_action(&mut self, (id, attempt, step): Place) -> ActionFault {
        let faults = self.faults.get_mut(&(id, attempt)).and_then(|faults| faults.actions.get_mut(step));
        faults.and_then(VecDeque::pop_front).unwrap_or(ActionFault::None)
    }

    fn next_compensation(&mut self, (id, attempt, step): Place) -> CompensationFault {
        let faults = self.faults.get_mut(&(id, attempt)).and_then(|faults| faults.compensations.get_mut(step));
        faults.and_then(VecDeque::pop_front).unwrap_or(CompensationFault::None)
    }

    fn send_later(&mut self, place: Place, is_action: bool, after: u8) {
        self.in_flight.push(InFlight { place, is_action, after });
    }
}

/// One participant.
pub struct Member {
    pub ledger: Arc<Ledger>,
    pub step: usize,
}

/// A call that is made now. It ends when it is dropped, however that happens.
struct Call<'l>(&'l Ledger, Place);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.state().in_progress.remove(&self.1);
    }
}

#[async_trait]
impl<const STEPS: usize, const FORWARD: bool> Participant<Booking<STEPS, FORWARD>> for Member {
    fn unavailable_for(&self) -> Option<Duration> {
        if self.step + 1 == STEPS { self.ledger.state().unavailable_for } else { None }
    }

    async fn execute(&self, trip: &mut Trip, _trace: &TraceContext) -> Reply<String> {
        let place = (trip.id, trip.attempt, self.step);
        self.ledger.state().begin_call(place, "action");
        let call = Call(&self.ledger, place);
        yield_now().await;
        let fault = self.ledger.state().next_action(place);
        let reply = match fault {
            ActionFault::None => self.ledger.state().act(place),
            ActionFault::Declined if self.ledger.effect(trip, self.step).0 == Some(Effect::Applied) => Reply::Done,
            ActionFault::Declined => Reply::Declined("no".into()),
            ActionFault::NotSent => Reply::NotSent(Duration::from_secs(7)),
            ActionFault::LostBefore => Reply::Unknown,
            ActionFault::LostAfter => {
                self.ledger.state().act(place);
                Reply::Unknown
            }
            ActionFault::Late(after) => {
                self.ledger.state().send_later(place, true, after);
                Reply::Unknown
            }
            // The recovery may call it meanwhile: the request has lost its attempt.
            ActionFault::SlowBefore => {
                drop(call);
                self.ledger.wait_for_gate().await;
                self.ledger.state().act(place)
            }
            ActionFault::SlowAfter => {
                let reply = self.ledger.state().act(place);
                drop(call);
                self.ledger.wait_for_gate().await;
                reply
            }
            ActionFault::SlowLost => {
                drop(call);
                self.ledger.wait_for_gate().await;
                Reply::Unknown
            }
        };
        yield_now().await;
        if reply == Reply::Done {
            // Like the number of a booking: it is there only if it was stored.
            let confirmation = &"123"[self.step..=self.step];
            if !trip.confirmations.contains(confirmation) {
                trip.confirmations.push_str(confirmation);
            }
        }
        reply
    }

    async fn compensate(&self, trip: &Trip) -> Result<(), NotCompensated> {
        let place = (trip.id, trip.attempt, self.step);
        self.ledger.state().begin_call(place, "compensation");
        self.ledger.state().check_order(place);
        let call = Call(&self.ledger, place);
        yield_now().await;
        let fault = self.ledger.state().next_compensation(place);
        if !matches!(fault, CompensationFault::LostBefore | CompensationFault::Late(_)) {
            self.ledger.state().undo(place);
        }
        match fault {
            CompensationFault::Late(after) | CompensationFault::Repeated(after) => {
                self.ledger.state().send_later(place, false, after);
            }
            CompensationFault::Slow => {
                drop(call);
                self.ledger.wait_for_gate().await;
            }
            CompensationFault::None | CompensationFault::LostBefore | CompensationFault::LostAfter => {}
        }
        yield_now().await;
        match fault {
            CompensationFault::None | CompensationFault::Repeated(_) | CompensationFault::Slow => Ok(()),
            CompensationFault::LostBefore | CompensationFault::LostAfter | CompensationFault::Late(_) => {
                Err(NotCompensated("as the test wants it".into()))
            }
        }
    }
}
