//! The policy as tables: events, and the expected state.

use std::time::Duration;

use tokio::time::Instant;

use self::Step::{Begin, Calls, Cancel, End, Is, Refused, Wait};
use super::policy::CallResult::{self, Failed, Succeeded};
use super::policy::Phase::{self, Closed, HalfOpen, Open};
use super::policy::{Policy, Rules, Ticket};

const QUICK: Duration = Duration::from_millis(10);
const JUST_NOT_SLOW: Duration = Duration::from_millis(100);
const SLOW: Duration = Duration::from_millis(101);
const OPEN_FOR: Duration = Duration::from_secs(1);

pub(super) fn rules() -> Rules {
    Rules {
        window: 8,
        min_calls: 4,
        failure_rate: 0.5,
        slow_call: JUST_NOT_SLOW,
        slow_rate: 0.75,
        open_for: OPEN_FOR,
        probes: 2,
    }
}

enum Step {
    /// Consecutive calls.
    Calls(u32, CallResult, Duration),
    /// Calls that are allowed and stay in flight.
    Begin(u32),
    /// The oldest call in flight ends.
    End(CallResult),
    /// The oldest call in flight is cancelled.
    Cancel,
    Wait(Duration),
    /// A call is rejected with this time to wait.
    Refused(Duration),
    Is(Phase),
}

struct World {
    policy: Policy,
    now: Instant,
    in_flight: Vec<Ticket>,
}

impl World {
    fn new() -> Self {
        World { policy: Policy::new(rules()), now: Instant::now(), in_flight: Vec::new() }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Calls(count, result, takes) => {
                for _ in 0..count {
                    let ticket = self.policy.try_acquire(self.now).expect("let through");
                    self.now += takes;
                    self.policy.record(ticket, result, self.now);
                }
            }
            Begin(count) => {
                for _ in 0..count {
                    assert_eq!(self.policy.unavailable_for(self.now), None);
                    self.in_flight.push(self.policy.try_acquire(self.now).expect("let through"));
                }
            }
            End(result) => self.policy.record(self.in_flight.remove(0), result, self.now),
            Cancel => self.policy.release(self.in_flight.remove(0)),
            Wait(time) => self.now += time,
            Refused(retry_after) => {
                let known = self.policy.unavailable_for(self.now);
                assert_eq!(known, Some(retry_after).filter(|_| self.policy.phase() == Open));
                assert_eq!(self.policy.try_acquire(self.now).expect_err("refused"), retry_after);
            }
            Is(phase) => assert_eq!(self.policy.phase(), phase),
        }
    }
}

fn opened() -> Vec<Step> {
    vec![Calls(4, Failed, QUICK), Is(Open)]
}

fn all(parts: [Vec<Step>; 2]) -> Vec<Step> {
    parts.into_iter().flatten().collect()
}

fn half_open_with(steps: impl IntoIterator<Item = Step>) -> Vec<Step> {
    opened().into_iter().chain([Wait(OPEN_FOR)]).chain(steps).collect()
}

fn play<const N: usize>(table: [(&str, Vec<Step>); N]) {
    for (name, steps) in table {
        // Shown when the test fails.
        println!("{name}");
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
    }
}

#[test]
fn closed_it_allows_all_calls_and_opens_when_too_many_fail_or_are_slow() {
    play([
        ("good calls keep it closed", vec![Calls(50, Succeeded, QUICK), Is(Closed)]),
        ("below the minimum it does not judge", vec![Calls(3, Failed, SLOW), Is(Closed)]),
        ("at the minimum it judges", vec![Calls(4, Failed, QUICK), Is(Open)]),
        (
            "a good call may be the one that fills the minimum",
            vec![Calls(3, Failed, QUICK), Calls(1, Succeeded, QUICK), Is(Open)],
        ),
        (
            "just below the failure rate it stays closed",
            vec![Calls(5, Succeeded, QUICK), Calls(3, Failed, QUICK), Is(Closed)],
        ),
        ("at the failure rate it opens", vec![Calls(4, Succeeded, QUICK), Calls(4, Failed, QUICK), Is(Open)]),
        (
            "just below the slow rate it stays closed",
            vec![Calls(3, Succeeded, QUICK), Calls(5, Succeeded, SLOW), Is(Closed)],
        ),
        (
            "at the slow rate it opens, though all calls are answered",
            vec![Calls(2, Succeeded, QUICK), Calls(6, Succeeded, SLOW), Is(Open)],
        ),
        (
            "a call that takes exactly as long as allowed is not slow",
            vec![Calls(20, Succeeded, JUST_NOT_SLOW), Is(Closed)],
        ),
        (
            "failures leave the window",
            vec![
                Calls(5, Succeeded, QUICK),
                Calls(3, Failed, QUICK),
                Calls(8, Succeeded, QUICK),
                Calls(3, Failed, QUICK),
                Is(Closed),
            ],
        ),
        (
            "a cancelled call counts as nothing",
            vec![Calls(3, Failed, QUICK), Begin(5), Cancel, Cancel, Cancel, Cancel, Cancel, Is(Closed)],
        ),
    ]);
}

#[test]
fn open_it_rejects_calls_and_half_open_it_allows_the_probes_only() {
    play([
        (
            "open, it says the time left",
            all([opened(), vec![Refused(OPEN_FOR), Wait(OPEN_FOR / 4), Refused(OPEN_FOR * 3 / 4), Is(Open)]]),
        ),
        (
            "half-open, it lets through the probes and no more",
            half_open_with([Begin(2), Is(HalfOpen), Refused(JUST_NOT_SLOW)]),
        ),
        (
            "an ended probe makes no room for another",
            half_open_with([Begin(2), End(Succeeded), Refused(JUST_NOT_SLOW)]),
        ),
        (
            "it closes when all probes are good, and with an empty window",
            half_open_with([
                Begin(2),
                End(Succeeded),
                End(Succeeded),
                Is(Closed),
                Calls(3, Failed, QUICK),
                Is(Closed),
                Calls(1, Failed, QUICK),
                Is(Open),
            ]),
        ),
        ("probes may come one after the other", half_open_with([Calls(2, Succeeded, QUICK), Is(Closed)])),
        (
            "one failed probe opens it for the whole time again",
            half_open_with([Begin(2), End(Failed), Is(Open), Refused(OPEN_FOR)]),
        ),
        ("one slow probe opens it again", half_open_with([Begin(1), Wait(SLOW), End(Succeeded), Is(Open)])),
        (
            "a cancelled probe makes room for another",
            half_open_with([
                Begin(2),
                Cancel,
                Begin(1),
                Refused(JUST_NOT_SLOW),
                End(Succeeded),
                End(Succeeded),
                Is(Closed),
            ]),
        ),
    ]);
}

#[test]
fn the_end_of_a_call_from_an_earlier_state_changes_nothing() {
    play([
        (
            "a failure from before it opened is no failed probe",
            all([
                vec![Begin(1)],
                half_open_with([
                    Begin(1),
                    End(Failed),
                    Is(HalfOpen),
                    Begin(1),
                    End(Succeeded),
                    End(Succeeded),
                    Is(Closed),
                ]),
            ]),
        ),
        (
            "a success from before it opened is no good probe",
            all([vec![Begin(2)], half_open_with([Begin(1), End(Succeeded), End(Succeeded), Is(HalfOpen)])]),
        ),
        (
            "a call cancelled from before it opened makes no room",
            all([vec![Begin(1)], half_open_with([Begin(2), Cancel, Refused(JUST_NOT_SLOW)])]),
        ),
        (
            "a probe of an earlier half-open period is no probe of this one",
            half_open_with([
                Begin(2),
                End(Failed),
                Wait(OPEN_FOR),
                Begin(1),
                End(Succeeded),
                Is(HalfOpen),
                Begin(1),
                Refused(JUST_NOT_SLOW),
            ]),
        ),
    ]);
}
