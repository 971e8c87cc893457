use std::collections::BTreeMap;
use std::iter;
use std::time::Duration;

use fastrand::Rng;

use crate::fault::{Fault, FaultKind};

/// The maximum number of faults at the same time.
const MAX_CONCURRENT: usize = 3;

/// The pause between two faults of one resource.
const PAUSE: Duration = Duration::from_secs(4);

/// A fault, from its beginning to its end, both since the beginning of the load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// When it begins.
    pub from: Duration,
    /// When it is reverted.
    pub to: Duration,
    /// The fault.
    pub fault: Fault,
}

/// Draws the faults of a run that takes `length`, in the order of their beginnings, about one in `every`. Each kind is drawn
/// before one is repeated, and so is each target of a kind. All are reverted at the end of the run.
pub fn draw(seed: u64, length: Duration, every: Duration, possible: &BTreeMap<FaultKind, Vec<String>>) -> Vec<Planned> {
    let mut random = Rng::with_seed(seed);
    let mut planned: Vec<Planned> = Vec::new();
    let mut kinds = Deck::of(possible.keys().flat_map(|kind| iter::repeat_n(*kind, kind.weight())).collect());
    let mut targets: BTreeMap<FaultKind, Deck<String>> =
        possible.iter().map(|(kind, targets)| (*kind, Deck::of(targets.clone()))).collect();
    let mut at = every;
    while at < length {
        if let Some(kind) = kinds.draw(&mut random)
            && let Some(target) = targets.get_mut(&kind).and_then(|targets| targets.draw(&mut random))
        {
            let fault = Fault { kind, target };
            let duration = Duration::from_millis(random.u64(kind.duration()));
            let from = free_from(at, duration, &fault, &planned);
            let to = from + duration;
            if to <= length {
                planned.push(Planned { from, to, fault });
            }
        }
        at += every.mul_f64(random.f64() + 0.5);
    }
    planned.sort_by_key(|planned| planned.from);
    planned
}

/// Items that are shuffled again when all were drawn.
struct Deck<T> {
    all: Vec<T>,
    left: Vec<T>,
}

impl<T: Clone> Deck<T> {
    const fn of(all: Vec<T>) -> Self {
        Self { all, left: Vec::new() }
    }

    fn draw(&mut self, random: &mut Rng) -> Option<T> {
        if self.left.is_empty() {
            self.left.clone_from(&self.all);
            random.shuffle(&mut self.left);
        }
        self.left.pop()
    }
}

/// The first time from `at` on at which this fault conflicts with no other, and few are active as long as it is.
fn free_from(at: Duration, duration: Duration, fault: &Fault, planned: &[Planned]) -> Duration {
    let conflicts = planned.iter().filter(|other| other.fault.conflicts_with(fault)).map(|other| other.to + PAUSE);
    let mut from = conflicts.fold(at, Duration::max);
    while let Some(end) = too_many(from, from + duration, planned) {
        from = end;
    }
    from
}

/// If one more were too many at some time between these: the end of the first of those that are active then.
fn too_many(from: Duration, to: Duration, planned: &[Planned]) -> Option<Duration> {
    let begun = planned.iter().map(|other| other.from).filter(|begun| from < *begun && *begun < to);
    let crowded = |moment: Duration| {
        let active = planned.iter().filter(|other| other.from <= moment && moment < other.to);
        let ends: Vec<Duration> = active.map(|other| other.to).collect();
        ends.iter().min().copied().filter(|_| ends.len() >= MAX_CONCURRENT)
    };
    iter::once(from).chain(begun).find_map(crowded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::StubFault;

    const SLOW: StubFault = StubFault { name: "crane slow", settings: "{}" };

    fn possible() -> BTreeMap<FaultKind, Vec<String>> {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let kinds = [
            (FaultKind::Kill, names(&["crane", "boat", "gateway"])),
            (FaultKind::Pause, names(&["crane", "boat"])),
            (FaultKind::CutFromBroker, names(&["crane", "boat"])),
            (FaultKind::SilenceBroker, names(&["broker"])),
            (FaultKind::Stub(SLOW), names(&["crane"])),
        ];
        kinds.into()
    }

    fn drawn(seed: u64) -> Vec<Planned> {
        draw(seed, Duration::from_mins(30), Duration::from_secs(6), &possible())
    }

    #[test]
    fn a_seed_draws_the_same_faults_again_and_another_seed_others() {
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn all_faults_are_reverted_in_time_and_no_two_conflict() {
        for seed in 0..50 {
            let planned = drawn(seed);
            for (index, one) in planned.iter().enumerate() {
                assert!(one.from < one.to && one.to <= Duration::from_mins(30), "{one:?}");
                for other in planned[index + 1..].iter().filter(|other| other.fault.conflicts_with(&one.fault)) {
                    assert!(one.to + PAUSE <= other.from, "{one:?}, {other:?}");
                }
                let together = planned.iter().filter(|other| other.from <= one.from && one.from < other.to).count();
                assert!(together <= MAX_CONCURRENT, "{together} at {:?}", one.from);
            }
        }
    }

    #[test]
    fn half_an_hour_has_more_than_two_hundred_faults_of_all_kinds_and_targets() {
        for seed in 0..50 {
            let planned = drawn(seed);
            assert!(planned.len() > 200, "{}", planned.len());
            let weights: usize = possible().keys().map(|kind| kind.weight()).sum();
            for (kind, targets) in possible() {
                let hits = planned.iter().filter(|planned| planned.fault.kind == kind);
                let fair = planned.len() * kind.weight() / weights;
                assert!(hits.clone().count() + 6 >= fair, "{kind:?}: {} of {fair}", hits.count());
                for target in &targets {
                    let hit = hits.clone().filter(|planned| planned.fault.target == *target).count();
                    assert!(hit + 6 >= fair / targets.len(), "{kind:?} on {target}: {hit}");
                }
            }
        }
    }

    #[test]
    fn some_faults_overlap() {
        let planned = drawn(1);
        assert!(planned.windows(2).any(|pair| pair[1].from < pair[0].to));
    }
}
