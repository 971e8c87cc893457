//! The window of recent outcomes.

use std::collections::VecDeque;

/// The outcome of a call. A time-out is both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) failed: bool,
    pub(super) slow: bool,
}

impl Outcome {
    pub(super) fn is_success(self) -> bool {
        !self.failed && !self.slow
    }
}

/// The last `size` outcomes, with running counts: a query takes constant time.
#[derive(Debug)]
pub(super) struct Window {
    size: u32,
    outcomes: VecDeque<Outcome>,
    calls: u32,
    failed: u32,
    slow: u32,
}

impl Window {
    pub(super) fn new(size: u32) -> Self {
        Window { size, outcomes: VecDeque::new(), calls: 0, failed: 0, slow: 0 }
    }

    pub(super) fn push(&mut self, outcome: Outcome) {
        if self.calls == self.size {
            self.remove_oldest();
        }
        self.outcomes.push_back(outcome);
        self.calls += 1;
        self.failed += u32::from(outcome.failed);
        self.slow += u32::from(outcome.slow);
    }

    fn remove_oldest(&mut self) {
        if let Some(oldest) = self.outcomes.pop_front() {
            self.calls -= 1;
            self.failed -= u32::from(oldest.failed);
            self.slow -= u32::from(oldest.slow);
        }
    }

    pub(super) fn calls(&self) -> u32 {
        self.calls
    }

    /// Share of failed calls; NaN for an empty window.
    pub(super) fn failure_rate(&self) -> f64 {
        f64::from(self.failed) / f64::from(self.calls)
    }

    /// Share of slow calls; NaN for an empty window.
    pub(super) fn slow_rate(&self) -> f64 {
        f64::from(self.slow) / f64::from(self.calls)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_window_counts_what_a_recount_of_the_last_outcomes_counts(
            size in 1_usize..20,
            outcomes in vec((any::<bool>(), any::<bool>()), 0..100),
        ) {
            let mut window = Window::new(u32::try_from(size).unwrap());
            for (pushed, (failed, slow)) in outcomes.iter().copied().enumerate() {
                window.push(Outcome { failed, slow });
                let seen = &outcomes[(pushed + 1).saturating_sub(size)..=pushed];
                prop_assert_eq!(window.calls() as usize, seen.len());
                prop_assert_eq!(window.failed as usize, seen.iter().filter(|(failed, _)| *failed).count());
                prop_assert_eq!(window.slow as usize, seen.iter().filter(|(_, slow)| *slow).count());
                prop_assert_eq!(window.outcomes.len(), seen.len());
            }
        }
    }
}
