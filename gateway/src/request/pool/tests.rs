use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

impl Pool {
    /// How many clients hold something.
    fn clients(&self) -> usize {
        self.held.iter().map(|held| held.lock().unwrap().len()).sum()
    }

    fn is_untouched(&self) -> bool {
        self.clients() == 0 && self.acquired.load(Ordering::SeqCst) == 0
    }
}

fn client(number: u8) -> ClientId {
    if number.is_multiple_of(2) {
        ClientId::subject(&number.to_string())
    } else {
        ClientId::address([10, 0, 0, number].into())
    }
}

fn pool(size: u64, share: &str) -> Arc<Pool> {
    Arc::new(Pool::new(size, share.parse().unwrap(), 1))
}

#[test]
fn one_client_gets_its_share_and_others_the_rest() {
    let pool = pool(4, "50%");
    let take = |number| {
        let mut reservation = pool.reservation(client(number));
        reservation.reserve(1).and_then(|()| reservation.acquire(1)).map(|()| reservation)
    };
    let first = [take(1).unwrap(), take(1).unwrap()];
    assert_eq!(take(1).unwrap_err(), PoolError::ShareExceeded);
    let others = [take(2).unwrap(), take(3).unwrap()];
    assert_eq!(take(4).unwrap_err(), PoolError::Exhausted);
    assert_eq!(pool.clients(), 3, "who was refused holds nothing");
    drop(first);
    assert!(take(1).is_ok() && take(4).is_ok());
    drop(others);
    assert!(pool.is_untouched());
}

#[test]
fn reserved_units_count_for_the_client_only() {
    let pool = pool(1, "100%");
    let claim = |number| {
        let mut reservation = pool.reservation(client(number));
        reservation.reserve(1).unwrap();
        reservation
    };
    let mut reserved: Vec<_> = (0..10).map(claim).collect();
    assert!(reserved[3].acquire(1).is_ok());
    assert_eq!(reserved[4].acquire(1), Err(PoolError::Exhausted));
    drop(reserved);
    assert!(pool.is_untouched());
}

#[test]
fn the_share_is_never_less_than_what_one_request_needs() {
    let pool = Arc::new(Pool::new(100, "1%".parse().unwrap(), 60));
    assert_eq!(pool.reservation(client(1)).reserve(60), Ok(()));
    assert_eq!(pool.reservation(client(1)).reserve(61), Err(PoolError::ShareExceeded));
}

#[test]
fn concurrent_acquire_and_release_leave_nothing_behind() {
    let pool = pool(16, "25%");
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let pool = &pool;
            scope.spawn(move || {
                for round in 0..5000_u64 {
                    let mut reservation = pool.reservation(client(thread % 3));
                    let took = reservation.reserve(1 + round % 3).and_then(|()| reservation.acquire(1 + round % 3));
                    assert!(pool.acquired.load(Ordering::SeqCst) <= 16, "{took:?}");
                }
            });
        }
    });
    assert!(pool.is_untouched());
}

/// What a client does.
#[derive(Debug, Clone)]
enum Step {
    Open(u8),
    Reserve(usize, u64),
    Acquire(usize, u64),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6_u8).prop_map(Step::Open),
        (any::<usize>(), 0..5_u64).prop_map(|(which, units)| Step::Reserve(which, units)),
        (any::<usize>(), 0..5_u64).prop_map(|(which, units)| Step::Acquire(which, units)),
        any::<usize>().prop_map(Step::Drop),
    ]
}

proptest! {
    #[test]
    fn no_share_and_no_pool_is_ever_exceeded_and_all_units_are_released(
        steps in proptest::collection::vec(step(), 0..200), size in 1..20_u64, percent in 1..=100_u8,
    ) {
        let share: Share = format!("{percent}%").parse().unwrap();
        let pool = Arc::new(Pool::new(size, share, 1));
        // What each reservation has reserved and acquired, beside the reservation itself.
        let mut open: Vec<(u8, u64, u64, Reservation)> = Vec::new();
        for step in steps {
            let reserved = |open: &[(u8, u64, u64, Reservation)], of: u8| -> u64 {
                open.iter().filter(|(client, ..)| *client == of).map(|(_, reserved, ..)| reserved).sum()
            };
            match step {
                Step::Open(number) => open.push((number, 0, 0, pool.reservation(client(number)))),
                Step::Reserve(which, units) if !open.is_empty() => {
                    let which = which % open.len();
                    let fits = reserved(&open, open[which].0).checked_add(units).unwrap() <= share.of(size);
                    let expected = if fits { Ok(()) } else { Err(PoolError::ShareExceeded) };
                    prop_assert_eq!(open[which].3.reserve(units), expected);
                    open[which].1 += if fits { units } else { 0 };
                }
                Step::Acquire(which, units) if !open.is_empty() => {
                    let fits = open.iter().map(|(_, _, acquired, _)| acquired).sum::<u64>() + units <= size;
                    let which = which % open.len();
                    let expected = if fits { Ok(()) } else { Err(PoolError::Exhausted) };
                    prop_assert_eq!(open[which].3.acquire(units), expected);
                    open[which].2 += if fits { units } else { 0 };
                }
                Step::Drop(which) if !open.is_empty() => drop(open.swap_remove(which % open.len())),
                _ => {}
            }
            let holders: BTreeMap<u8, u64> = open.iter().map(|(of, ..)| (*of, reserved(&open, *of))).collect();
            prop_assert_eq!(pool.clients(), holders.values().filter(|reserved| **reserved > 0).count());
        }
        drop(open);
        prop_assert!(pool.is_untouched());
    }
}
