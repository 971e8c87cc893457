//! The page of a room, without anything around it.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use ambient::Timestamp;
use context::{Representation, VersionVector, Versioned};
use events::{Projection as _, apply};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use reservation_contract::{
    ReservationCancelRequested, ReservationCancelled, ReservationConfirmed, ReservationCreated,
};
use serde_json::{Value, json};
use storage_contract::{
    ReviewWritten, StorageCancelled, StorageDeleted, StorageModified, StorageRegistered, StorageReserved,
};
use storagerent_payment_contract::{PaymentApproved, PaymentCancelled};
use viewpage_service::{PageDocument, PageEvent, StorageView};

const ROOM: i64 = 1;

/// All events of one hold, as they occur. Its reservation has ten times its number.
fn hold(hold: i64) -> [PageEvent; 8] {
    let (storage_id, reservation_id, attempt, price) = (ROOM, hold * 10, 1, 200);
    let customer = None;
    let created = ReservationCreated { reservation_id, attempt, storage_id, hold, price, customer: customer.clone() };
    let confirmed = ReservationConfirmed { reservation_id, attempt, storage_id, hold, customer: customer.clone() };
    let requested = ReservationCancelRequested { reservation_id, attempt, storage_id, hold };
    [
        PageEvent::PaymentApproved(PaymentApproved { reservation_id, attempt, storage_id, hold, price }),
        PageEvent::ReservationCreated(created),
        PageEvent::ReservationConfirmed(confirmed),
        PageEvent::StorageReserved(StorageReserved { storage_id, hold, reservation_id }),
        PageEvent::ReservationCancelRequested(requested),
        PageEvent::PaymentCancelled(PaymentCancelled { reservation_id, attempt, storage_id, hold, price }),
        PageEvent::ReservationCancelled(ReservationCancelled { reservation_id, attempt, storage_id, hold, customer }),
        PageEvent::StorageCancelled(StorageCancelled { storage_id, hold, reservation_id }),
    ]
}

fn modified(version: i64) -> PageEvent {
    let price = (version > 2).then_some(version * 100);
    PageEvent::StorageModified(StorageModified {
        storage_id: ROOM,
        version,
        description: format!("room of version {version}"),
        price,
    })
}

fn registered() -> PageEvent {
    PageEvent::StorageRegistered(StorageRegistered {
        storage_id: ROOM,
        version: 1,
        description: "BigStorage".into(),
        price: Some(200),
    })
}

fn reviewed(review_cnt: i64) -> PageEvent {
    PageEvent::ReviewWritten(ReviewWritten {
        storage_id: ROOM,
        review_id: review_cnt,
        reservation_id: review_cnt * 10,
        review_cnt,
        customer: None,
    })
}

fn deleted() -> PageEvent {
    PageEvent::StorageDeleted(StorageDeleted { storage_id: ROOM, version: 4 })
}

/// All events of a room: two versions of its registration after the first, three holds, two reviews, its deletion.
fn story() -> Vec<PageEvent> {
    let registration = [registered(), modified(2), modified(3), reviewed(1), reviewed(2), deleted()];
    [registration.to_vec(), [hold(1), hold(2), hold(3)].concat()].concat()
}

fn change(page: &mut StorageView, event: &PageEvent) {
    assert_eq!(apply(page, event, Timestamp::from_micros(7)), []);
}

fn page<'a>(events: impl IntoIterator<Item = &'a PageEvent>) -> StorageView {
    let mut page = StorageView::begin(ROOM, 0);
    events.into_iter().for_each(|event| change(&mut page, event));
    page
}

fn document(page: &StorageView) -> Value {
    PageDocument::of(page).unwrap()
}

/// The statuses of the room, its reservation and its payment.
fn statuses(page: &StorageView) -> [Value; 3] {
    let document = document(page);
    ["storageStatus", "reservationStatus", "paymentStatus"].map(|name| document[name].clone())
}

#[test]
fn the_statuses_are_the_furthest_ones_that_are_known() {
    let events = hold(1);
    let expected = [
        ["available", "", "approved"],
        ["reserving", "reqReserve", "approved"],
        ["reserving", "reserved", "approved"],
        ["reserved", "reserved", "approved"],
        ["reserved", "reqCancel", "approved"],
        ["reserved", "reqCancel", "cancelled"],
        ["reserved", "cancelled", "cancelled"],
        ["available", "cancelled", "cancelled"],
    ];
    for (known, expected) in (1..).zip(expected) {
        let expected = expected.map(|status| if status.is_empty() { Value::Null } else { json!(status) });
        assert_eq!(statuses(&page(&events[..known])), expected);
        assert_eq!(statuses(&page(events[..known].iter().rev())), expected, "backwards");
    }
}

#[test]
fn a_page_has_all_that_is_known_of_a_room() {
    let unknown = json!({
        "id": 1, "description": null, "price": null, "storageStatus": "available", "reservationId": null,
        "reservationStatus": null, "paymentId": null, "paymentStatus": null, "reviewCnt": 0,
    });
    assert_eq!(document(&page(&[])), unknown);
    let known = json!({
        "id": 1, "description": "BigStorage", "price": 200, "storageStatus": "reserved", "reservationId": 10,
        "reservationStatus": "reserved", "paymentId": 10, "paymentStatus": "approved", "reviewCnt": 1,
    });
    assert_eq!(document(&page(hold(1)[..4].iter().chain([&reviewed(1), &registered()]))), known);
}

#[test]
fn a_later_hold_begins_anew_and_late_events_of_an_earlier_one_change_nothing() {
    let (first, second) = (hold(1), hold(2));
    let begun = page(first.iter().chain(&second[1..2]));
    assert_eq!((begun.reservation_id, statuses(&begun)), (Some(20), statuses(&page(&first[1..2]))));
    assert_eq!(
        document(&begun)["paymentId"],
        Value::Null,
        "the payment of the first reservation is not that of the second"
    );
    assert_eq!(page(second[1..2].iter().chain(&first)), begun);
}

#[test]
fn a_room_without_a_price_shows_none_and_a_deleted_room_stays_deleted() {
    let changed = page(&[registered(), modified(2)]);
    assert_eq!((changed.description.as_deref(), changed.price), (Some("room of version 2"), None));
    let gone = page(&[deleted(), registered(), modified(3)]);
    assert_eq!((&statuses(&gone)[0], gone.price), (&json!("deleted"), Some(300)));
}

/// Some of the events, and two deliveries of them: in any order, some of them repeated.
fn two_deliveries() -> impl Strategy<Value = [Vec<PageEvent>; 2]> {
    let some = subsequence(story(), 1..=story().len());
    some.prop_flat_map(|some| [delivery(some.clone()), delivery(some)])
}

fn delivery(events: Vec<PageEvent>) -> impl Strategy<Value = Vec<PageEvent>> {
    vec(any::<Index>(), 0..8).prop_flat_map(move |repeated| {
        let again = repeated.iter().map(|index| index.get(&events).clone()).collect();
        Just([events.clone(), again].concat()).prop_shuffle()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_order_and_repetition_of_the_same_events_leads_to_the_same_page([one, other] in two_deliveries()) {
        prop_assert_eq!(page(&one), page(&other));
    }

    #[test]
    fn the_version_of_a_page_is_later_exactly_if_the_page_has_changed(events in delivery(story())) {
        let mut page = StorageView::begin(ROOM, 0);
        for event in &events {
            let before = page.clone();
            change(&mut page, event);
            let is_later = PageDocument::version(&page).is_later_than(&PageDocument::version(&before));
            prop_assert_eq!(is_later, page != before, "{:?}", event);
        }
    }

    /// A follower reads the page from time to time, also while it is rebuilt from the beginning, in another order.
    #[test]
    fn a_follower_receives_no_page_twice_and_none_that_is_older(
        lives in vec((delivery(story()), any::<Index>()), 0..3),
        last in delivery(story()),
        reads in vec(any::<bool>(), 200),
    ) {
        let (mut position, mut received, mut reads) = (VersionVector::default(), Vec::new(), reads.into_iter().cycle());
        let lives = lives.into_iter().map(|(events, end)| events[..end.index(events.len())].to_vec());
        for events in lives.chain([last]) {
            let mut page = StorageView::begin(ROOM, 0);
            for event in &events {
                change(&mut page, event);
                let version = PageDocument::version(&page);
                if reads.next().unwrap() && version.is_later_than(&position) {
                    received.push(page.clone());
                    position = version.to_string().parse().unwrap();
                }
            }
            let version = PageDocument::version(&page);
            if version.is_later_than(&position) {
                received.push(page);
                position = version;
            }
        }
        prop_assert_eq!(received.last(), Some(&page(&story())), "the last page is received");
        for two in received.windows(2) {
            let known = |page: &StorageView| (page.version, page.deleted, page.review_cnt, page.hold);
            let ((version, deleted, reviews, hold), next) = (known(&two[0]), known(&two[1]));
            prop_assert!(version <= next.0 && deleted <= next.1 && reviews <= next.2 && hold <= next.3, "{:?}", two);
            prop_assert_ne!(&two[0], &two[1]);
        }
    }
}
