//! What goes wrong when: drawn by a seed before anything starts.

use std::collections::BTreeMap;
use std::iter;
use std::time::Duration;

use fastrand::Rng;

use crate::fault::{Fault, What};

/// So many things go wrong at the same time at most.
const AT_ONCE: usize = 3;

/// What was hit has this long to come back before it is hit again.
const BREATH: Duration = Duration::from_secs(4);

/// A fault, from its beginning to its end, both since the beginning of the load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// When it begins.
    pub from: Duration,
    /// When it is undone.
    pub to: Duration,
    /// What it is.
    pub fault: Fault,
}

/// Draws the faults of a run that takes `length`, in the order of their beginnings, about one in `every`. Each kind has its
/// turns before one comes again, and so has everybody whom it can hit. All are undone when the run is over.
pub fn draw(seed: u64, length: Duration, every: Duration, possible: &BTreeMap<What, Vec<String>>) -> Vec<Planned> {
    let mut random = Rng::with_seed(seed);
    let mut planned: Vec<Planned> = Vec::new();
    let mut kinds = Deck::of(possible.keys().flat_map(|what| iter::repeat_n(*what, what.weight())).collect());
    let mut whom: BTreeMap<What, Deck<String>> =
        possible.iter().map(|(what, on)| (*what, Deck::of(on.clone()))).collect();
    let mut at = every;
    while at < length {
        if let Some(what) = kinds.draw(&mut random)
            && let Some(on) = whom.get_mut(&what).and_then(|whom| whom.draw(&mut random))
        {
            let fault = Fault { what, on };
            let lasts = Duration::from_millis(random.u64(what.lasts()));
            let from = free_from(at, lasts, &fault, &planned);
            let to = from + lasts;
            if to <= length {
                planned.push(Planned { from, to, fault });
            }
        }
        at += every.mul_f64(random.f64() + 0.5);
    }
    planned.sort_by_key(|planned| planned.from);
    planned
}

/// Cards that are shuffled again when all were drawn.
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

/// The first moment from `at` on at which this fault meets no other, and few go on as long as it does.
fn free_from(at: Duration, lasts: Duration, fault: &Fault, planned: &[Planned]) -> Duration {
    let met = planned.iter().filter(|other| other.fault.meets(fault)).map(|other| other.to + BREATH);
    let mut from = met.fold(at, Duration::max);
    while let Some(end) = too_many(from, from + lasts, planned) {
        from = end;
    }
    from
}

/// If one more were too many at some moment between these: when the first of those that go on then ends.
fn too_many(from: Duration, to: Duration, planned: &[Planned]) -> Option<Duration> {
    let begun = planned.iter().map(|other| other.from).filter(|begun| from < *begun && *begun < to);
    let crowded = |moment: Duration| {
        let going_on = planned.iter().filter(|other| other.from <= moment && moment < other.to);
        let ends: Vec<Duration> = going_on.map(|other| other.to).collect();
        ends.iter().min().copied().filter(|_| ends.len() >= AT_ONCE)
    };
    iter::once(from).chain(begun).find_map(crowded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn possible() -> BTreeMap<What, Vec<String>> {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let kinds = [
            (What::Kill, names(&["match", "visit", "gateway"])),
            (What::Pause, names(&["match", "visit"])),
            (What::CutFromBroker, names(&["match", "visit"])),
            (What::SilenceBroker, names(&["broker"])),
            (What::SlowPayments, names(&["payment"])),
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
    fn all_is_undone_in_time_and_nothing_is_hit_twice_at_once() {
        for seed in 0..50 {
            let planned = drawn(seed);
            for (index, one) in planned.iter().enumerate() {
                assert!(one.from < one.to && one.to <= Duration::from_mins(30), "{one:?}");
                for other in planned[index + 1..].iter().filter(|other| other.fault.meets(&one.fault)) {
                    assert!(one.to + BREATH <= other.from, "{one:?}, {other:?}");
                }
                let together = planned.iter().filter(|other| other.from <= one.from && one.from < other.to).count();
                assert!(together <= AT_ONCE, "{together} at {:?}", one.from);
            }
        }
    }

    #[test]
    fn half_an_hour_has_more_than_two_hundred_faults_of_all_kinds_and_on_all() {
        for seed in 0..50 {
            let planned = drawn(seed);
            assert!(planned.len() > 200, "{}", planned.len());
            let weights: usize = possible().keys().map(|what| what.weight()).sum();
            for (what, whom) in possible() {
                let hits = planned.iter().filter(|planned| planned.fault.what == what);
                let fair = planned.len() * what.weight() / weights;
                assert!(hits.clone().count() + 6 >= fair, "{what:?}: {} of {fair}", hits.count());
                for on in &whom {
                    let hit = hits.clone().filter(|planned| planned.fault.on == *on).count();
                    assert!(hit + 6 >= fair / whom.len(), "{what:?} on {on}: {hit}");
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
