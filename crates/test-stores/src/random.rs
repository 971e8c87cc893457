//! Values by chance. Each run has other ones: a test says in its failure which they were.

use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

/// So many values.
pub fn cases<S: Strategy>(count: usize, strategy: S) -> impl Iterator<Item = S::Value> {
    let mut runner = TestRunner::new(Config::default());
    std::iter::repeat_with(move || strategy.new_tree(&mut runner).unwrap().current()).take(count)
}

/// One value.
pub fn one<S: Strategy>(strategy: S) -> S::Value {
    strategy.new_tree(&mut TestRunner::new(Config::default())).unwrap().current()
}

/// All of these in any order, some of them more than once, in batches.
pub fn deliveries<T: Clone + Debug + 'static>(all: Vec<T>) -> impl Strategy<Value = Vec<Vec<T>>> {
    let again = vec(select(all.clone()), 0..=all.len());
    let shuffled = again.prop_flat_map(move |again| Just([all.clone(), again].concat()).prop_shuffle());
    let sized = shuffled.prop_flat_map(|events| (vec(1..8_usize, events.len()), Just(events)));
    sized.prop_map(|(sizes, events)| batches(events, sizes))
}

fn batches<T>(mut events: Vec<T>, sizes: Vec<usize>) -> Vec<Vec<T>> {
    let cut = |size: usize| events.drain(..size.min(events.len())).collect::<Vec<T>>();
    sizes.into_iter().map(cut).filter(|batch| !batch.is_empty()).collect()
}
