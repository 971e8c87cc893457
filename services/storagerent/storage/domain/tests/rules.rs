//! The rules of rooms, holds and reviews, without anything around them.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use ambient::Subject;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use storage_contract::{StorageCancelled, StorageReserved};
use storage_domain::{
    Attempt, Description, Hold, HoldRefusal, HoldRequest, HoldState, Modification, Occupied, OtherHold, Registration,
    ReviewRefusal, Room, Status, cancel, confirm, hold, release, review,
};

const ROOM: i64 = 7;
const PRICE: i64 = 200_000;

fn room() -> Room {
    Room::new(ROOM, Registration { description: Description::new("BigStorage").unwrap(), price: Some(PRICE) })
}

fn request(reservation_id: i64, attempt: i64) -> HoldRequest {
    HoldRequest { attempt: attempt_of(reservation_id, attempt), price: None, customer: None }
}

const fn attempt_of(reservation_id: i64, attempt: i64) -> Attempt {
    Attempt { storage_id: ROOM, reservation_id, attempt }
}

/// A hold of the room by attempt 2 of reservation 1, in this state.
fn known(state: HoldState) -> (Room, Hold) {
    let (mut room, mut hold) = (room(), Hold::none(1));
    storage_domain::hold(Some(&mut room), &mut hold, request(1, 2)).unwrap();
    match state {
        HoldState::Held => {}
        HoldState::Reserved => assert!(confirm(&mut room, &mut hold, 1).is_some()),
        HoldState::Released => assert_eq!(release(Some(&mut room), &mut hold, attempt_of(1, 2)), Ok(None)),
        HoldState::Cancelled => {
            assert!(confirm(&mut room, &mut hold, 1).is_some() && cancel(&mut room, &mut hold, 1).is_some());
        }
    }
    assert_eq!(hold.state, state);
    (room, hold)
}

#[test]
fn a_description_has_1_to_255_characters() {
    for (length, is_valid) in [(0, false), (1, true), (255, true), (256, false)] {
        let text = "é".repeat(length);
        let description = Description::new(text.clone());
        assert_eq!(description.as_ref().map(Description::as_str).ok(), is_valid.then_some(&*text), "{length}");
    }
}

#[test]
fn a_change_of_a_registration_is_published_once_with_its_version() {
    let mut room = room();
    let change = Modification { description: None, price: Some(5) };
    let event = room.modify(change.clone()).unwrap();
    assert_eq!((event.version, event.description.as_str(), event.price), (2, "BigStorage", Some(5)));
    assert_eq!((room.modify(change), room.modify(Modification::default()), room.version), (None, None, 2));
}

#[test]
fn a_room_is_deleted_unless_it_is_occupied() {
    for (state, is_occupied) in [
        (HoldState::Held, true),
        (HoldState::Reserved, true),
        (HoldState::Released, false),
        (HoldState::Cancelled, false),
    ] {
        let (mut room, _) = known(state);
        let deleted = room.delete().map(|event| event.version);
        assert_eq!(deleted, if is_occupied { Err(Occupied) } else { Ok(2) }, "{state:?}");
        assert_eq!(room.is_deleted(), !is_occupied, "{state:?}");
    }
}

#[test]
fn a_free_room_with_a_price_is_held_and_counts_the_hold() {
    let (mut room, mut first, mut second) = (room(), Hold::none(1), Hold::none(2));
    hold(Some(&mut room), &mut first, HoldRequest { price: Some(PRICE), ..request(1, 1) }).unwrap();
    assert_eq!((first.number, first.price, first.state), (1, PRICE, HoldState::Held));
    assert_eq!(room.status, Status::Reserving(1));
    assert_eq!(hold(Some(&mut room), &mut second, request(2, 1)), Err(HoldRefusal::Taken));
    assert_eq!(second, Hold::none(2));
    release(Some(&mut room), &mut first, attempt_of(1, 1)).unwrap();
    hold(Some(&mut room), &mut second, request(2, 1)).unwrap();
    assert_eq!((second.number, room.status), (2, Status::Reserving(2)));
}

#[test]
fn a_hold_is_refused_for_each_reason_and_changes_nothing() {
    let deleted = Room { status: Status::Deleted, ..room() };
    let without_price = Room { registration: Registration { price: None, ..room().registration }, ..room() };
    let other_price = HoldRefusal::OtherPrice { price: PRICE, expected: 1 };
    for (known_room, price, refusal) in [
        (None, None, HoldRefusal::Unknown(ROOM)),
        (Some(deleted), None, HoldRefusal::Unknown(ROOM)),
        (Some(without_price), None, HoldRefusal::WithoutPrice),
        (Some(room()), Some(1), other_price),
        (Some(known(HoldState::Held).0), None, HoldRefusal::Taken),
        (Some(known(HoldState::Reserved).0), None, HoldRefusal::Taken),
    ] {
        let (mut now, mut hold) = (known_room.clone(), Hold::none(9));
        let request = HoldRequest { price, ..request(9, 1) };
        assert_eq!(storage_domain::hold(now.as_mut(), &mut hold, request), Err(refusal));
        assert_eq!((now, hold), (known_room, Hold::none(9)), "{refusal:?}");
    }
}

#[test]
fn the_same_hold_again_is_the_same_though_the_price_has_changed() {
    for state in [HoldState::Held, HoldState::Reserved] {
        let (mut room, mut hold) = known(state);
        room.modify(Modification { description: None, price: Some(1) });
        let before = (room.clone(), hold.clone());
        assert_eq!(storage_domain::hold(Some(&mut room), &mut hold, request(1, 2)), Ok(()));
        assert_eq!((room, hold), before, "{state:?}");
    }
}

/// Every state, and a hold of an earlier, the same and a later attempt.
#[test]
fn a_hold_by_attempt_and_state() {
    const NO: Result<i64, HoldRefusal> = Err(HoldRefusal::Released);
    for (state, expected) in [
        (HoldState::Held, [NO, Ok(1), NO]),
        (HoldState::Reserved, [NO, Ok(1), NO]),
        (HoldState::Released, [NO, NO, Ok(2)]),
        (HoldState::Cancelled, [NO, NO, NO]),
    ] {
        let held = [1, 2, 3].map(|attempt| {
            let (mut room, mut hold) = known(state);
            storage_domain::hold(Some(&mut room), &mut hold, request(1, attempt)).map(|()| hold.number)
        });
        assert_eq!(held, expected, "{state:?}");
    }
}

/// Every state, and a release of an earlier, the same and a later attempt: the reply, and what is known then.
#[test]
fn a_release_by_attempt_and_state() {
    let event = StorageCancelled { storage_id: ROOM, hold: 1, reservation_id: 1 };
    let unchanged = |state| (Ok(None), 2, state);
    for (state, expected) in [
        (
            HoldState::Held,
            [unchanged(HoldState::Held), unchanged(HoldState::Released), (Err(OtherHold), 2, HoldState::Held)],
        ),
        (
            HoldState::Reserved,
            [
                unchanged(HoldState::Reserved),
                (Ok(Some(event)), 2, HoldState::Cancelled),
                (Err(OtherHold), 2, HoldState::Reserved),
            ],
        ),
        (
            HoldState::Released,
            [unchanged(HoldState::Released), unchanged(HoldState::Released), (Ok(None), 3, HoldState::Released)],
        ),
        (HoldState::Cancelled, [HoldState::Cancelled; 3].map(unchanged)),
    ] {
        let released = [1, 2, 3].map(|attempt| {
            let (mut room, mut hold) = known(state);
            let released = release(Some(&mut room), &mut hold, attempt_of(1, attempt));
            assert_eq!(hold.is_active(), room.status != Status::Available, "{state:?} {attempt}");
            (released, hold.attempt, hold.state)
        });
        assert_eq!(released, expected, "{state:?}");
    }
}

#[test]
fn a_release_that_overtakes_its_hold_leaves_a_mark_that_refuses_the_hold() {
    let (mut room, mut hold) = (room(), Hold::none(1));
    assert_eq!(release(None, &mut hold, attempt_of(1, 1)), Ok(None));
    assert_eq!(hold, Hold { attempt: 1, storage_id: ROOM, ..Hold::none(1) });
    assert_eq!(storage_domain::hold(Some(&mut room), &mut hold, request(1, 1)), Err(HoldRefusal::Released));
    assert_eq!(confirm(&mut room, &mut hold, 1), None);
    assert!(!hold.was_confirmed(), "a mark is no reservation");
    storage_domain::hold(Some(&mut room), &mut hold, request(1, 2)).unwrap();
}

#[test]
fn a_release_for_another_room_than_that_of_the_hold_changes_nothing() {
    let (room, mut hold) = known(HoldState::Held);
    let mut other = Room { id: 8, ..room };
    let attempt = Attempt { storage_id: 8, ..attempt_of(1, 2) };
    assert_eq!(release(Some(&mut other), &mut hold, attempt), Err(OtherHold));
    assert_eq!(hold.state, HoldState::Held);
}

#[test]
fn a_confirmed_hold_is_a_reservation_and_a_cancelled_one_frees_the_room() {
    let (mut room, mut hold) = known(HoldState::Held);
    let reserved = StorageReserved { storage_id: ROOM, hold: 1, reservation_id: 1 };
    assert_eq!(confirm(&mut room, &mut hold, 1), Some(reserved));
    assert_eq!((confirm(&mut room, &mut hold, 1), room.status), (None, Status::Reserved(1)));
    let cancelled = StorageCancelled { storage_id: ROOM, hold: 1, reservation_id: 1 };
    assert_eq!(cancel(&mut room, &mut hold, 1), Some(cancelled));
    assert_eq!((cancel(&mut room, &mut hold, 1), room.status), (None, Status::Available));
}

#[test]
fn confirmed_and_cancelled_swapped_leave_the_room_free_and_the_reservation_may_be_reviewed() {
    let (mut room, mut hold) = known(HoldState::Held);
    assert!(cancel(&mut room, &mut hold, 1).is_some());
    assert_eq!(confirm(&mut room, &mut hold, 1), None);
    assert_eq!((room.status, hold.state), (Status::Available, HoldState::Cancelled));
    assert!(review(&mut room, Some(&mut hold), None).is_ok());
}

#[test]
fn a_review_by_state_and_caller() {
    let [ann, tom] = ["ann", "tom"].map(|name| Subject::new(name).unwrap());
    let callers = [None, Some(&ann), Some(&tom)];
    let never = Err(ReviewRefusal::NeverReserved);
    let other = Err(ReviewRefusal::OtherCustomer);
    for (state, expected) in [
        (HoldState::Held, [never, never, other]),
        (HoldState::Reserved, [Ok(1), Ok(1), other]),
        (HoldState::Released, [never, never, other]),
        (HoldState::Cancelled, [Ok(1), Ok(1), other]),
    ] {
        let reviewed = callers.map(|caller| {
            let (mut room, mut hold) = known(state);
            hold.customer = Some(ann.clone());
            review(&mut room, Some(&mut hold), caller).map(|event| event.review_cnt)
        });
        assert_eq!(reviewed, expected, "{state:?}");
    }
    let without = callers.map(|caller| review(&mut room(), None, caller).map(|event| event.review_cnt));
    assert_eq!(without, [never, other, other], "without any reservation");
}

#[test]
fn a_reservation_has_one_review_and_the_room_counts_them() {
    let (mut room, mut hold) = known(HoldState::Reserved);
    let event = review(&mut room, Some(&mut hold), None).unwrap();
    assert_eq!((event.review_id, event.reservation_id, event.review_cnt), (1, 1, 1));
    assert_eq!(review(&mut room, Some(&mut hold), None), Err(ReviewRefusal::Reviewed));
    let mut other = Room { id: 8, ..room.clone() };
    assert_eq!(review(&mut other, Some(&mut hold), None), Err(ReviewRefusal::NeverReserved), "of another room");
    assert_eq!(room.reviews, 1);
}

/// A call or an event about an attempt of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    Hold,
    Release,
    Confirmed,
    Cancelled,
}

const RESERVATIONS: [i64; 3] = [1, 2, 3];
const ATTEMPTS: [i64; 3] = [1, 2, 3];

/// Any calls and events, in any order, with repetitions.
fn deliveries() -> impl Strategy<Value = Vec<(i64, i64, Delivery)>> {
    let what =
        select(vec![Delivery::Hold, Delivery::Hold, Delivery::Release, Delivery::Confirmed, Delivery::Cancelled]);
    vec((select(&RESERVATIONS[..]), select(&ATTEMPTS[..]), what), 0..80)
}

/// The room with its holds, the number of each attempt that held it, and the attempts that were released.
#[derive(Debug)]
struct Model {
    room: Room,
    holds: [Hold; 3],
    numbers: Vec<((i64, i64), i64)>,
    released: Vec<(i64, i64)>,
}

impl Model {
    fn new() -> Self {
        Self { room: room(), holds: RESERVATIONS.map(Hold::none), numbers: vec![], released: vec![] }
    }

    fn number(&self, key: (i64, i64)) -> Option<i64> {
        self.numbers.iter().find(|(known, _)| *known == key).map(|(_, number)| *number)
    }

    fn deliver(&mut self, (reservation_id, attempt, what): (i64, i64, Delivery)) {
        let (key, number) = ((reservation_id, attempt), self.number((reservation_id, attempt)));
        let (room, known) = (&mut self.room, &mut self.holds[usize::try_from(reservation_id).unwrap() - 1]);
        let before = known.clone();
        match what {
            Delivery::Hold => {
                if hold(Some(room), known, request(reservation_id, attempt)).is_ok() {
                    assert!(!self.released.contains(&key), "a released attempt holds: {key:?}");
                    assert!(number.is_none_or(|number| number == known.number), "the same reply: {key:?}");
                    self.numbers.push((key, known.number));
                }
            }
            Delivery::Release => {
                if release(Some(room), known, attempt_of(reservation_id, attempt)).is_ok() {
                    self.released.push(key);
                    assert!(known.attempt > attempt || !known.is_active(), "it is released: {key:?}");
                }
            }
            Delivery::Confirmed => drop(number.and_then(|number| confirm(room, known, number))),
            Delivery::Cancelled => drop(number.and_then(|number| cancel(room, known, number))),
        }
        assert!(before.attempt <= attempt || before == *known, "an earlier attempt changed a later one: {key:?}");
    }

    /// At most one hold is active, and it is that of the room.
    fn check(&self) {
        let active: Vec<Status> = self
            .holds
            .iter()
            .filter(|hold| hold.is_active())
            .map(|hold| match hold.state {
                HoldState::Reserved => Status::Reserved(hold.reservation_id),
                _ => Status::Reserving(hold.reservation_id),
            })
            .collect();
        assert!(active.len() <= 1, "{active:?}");
        assert_eq!(self.room.status, active.first().copied().unwrap_or(Status::Available));
    }
}

proptest! {
    #[test]
    fn a_room_has_at_most_one_occupant_and_ends_free_when_all_are_cancelled(deliveries in deliveries()) {
        let mut model = Model::new();
        for delivery in deliveries {
            model.deliver(delivery);
            model.check();
        }
        for (reservation_id, attempt) in RESERVATIONS.into_iter().flat_map(|id| ATTEMPTS.map(|attempt| (id, attempt))) {
            model.deliver((reservation_id, attempt, Delivery::Cancelled));
        }
        model.check();
        prop_assert_eq!(model.room.status, Status::Available);
    }

    /// An attempt that is held, confirmed, cancelled and released in the end leaves the room free, in every order.
    #[test]
    fn every_order_of_one_attempt_ends_free(order in Just(vec![Delivery::Hold, Delivery::Hold, Delivery::Release,
        Delivery::Confirmed, Delivery::Cancelled]).prop_shuffle()) {
        let mut model = Model::new();
        for what in order {
            model.deliver((1, 1, what));
            model.check();
        }
        prop_assert_eq!(model.room.status, Status::Available);
        model.deliver((1, 1, Delivery::Hold));
        prop_assert_eq!(model.room.status, Status::Available);
    }
}
