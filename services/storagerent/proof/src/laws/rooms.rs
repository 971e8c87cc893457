//! A room, its holds, its reviews and its page agree.

use audit::{Case, CaseEvent, EventKind, Fields, fields};

use crate::declared::{
    CANCEL_REQUESTED, CANCELLED, CONFIRMED, CREATED, DELETED, FREED, HOLDS, MODIFIED, PAYMENT_APPROVED,
    PAYMENT_CANCELLED, REGISTERED, RESERVATIONS, RESERVED, REVIEWED, REVIEWS, STORAGES,
};

/// The events of other contexts and of storage that name this room.
fn about<'a>(case: &Case<'a>, kind: EventKind) -> impl Iterator<Item = &'a CaseEvent> {
    case.referring_by("storageId").iter().filter(move |event| event.is(kind))
}

/// At most one reservation of the room stands; the room names it, and is available without one.
pub(super) fn occupied(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let Some(room) = case.row(&STORAGES) else { return false };
    let reservations = case.rows_referring_by(&RESERVATIONS, "storage_id").iter();
    let standing: Vec<i64> = reservations
        .filter(|row| row.text("phase") == Some("established") && row.text("status") != Some("cancelled"))
        .filter_map(|row| row.i64("reservation_id"))
        .collect();
    let holds = case.rows_referring_by(&HOLDS, "storage_id").iter();
    let held: Vec<i64> = holds
        .filter(|row| matches!(row.text("state"), Some("held" | "reserved")))
        .filter_map(|row| row.i64("reservation_id"))
        .collect();
    let named: Vec<i64> = room.i64("reservation_id").into_iter().collect();
    if standing.len() > 1 || standing != held || standing != named {
        violations.push(format!("the room is {room}; it is reserved by {standing:?}, and held by {held:?}"));
    }
    if (room.text("status") == Some("reserved")) == standing.is_empty() {
        violations.push(format!("the room is {room}, but it is reserved by {standing:?}"));
    }
    true
}

/// Registered once, then each change with the next version, and deleted at the end, if it is.
pub(super) fn registrations(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let events: Vec<&CaseEvent> = case
        .published_by("storage")
        .filter(|event| [REGISTERED, MODIFIED, DELETED].iter().any(|kind| event.is(*kind)))
        .collect();
    let room = case.row(&STORAGES);
    let version = room.and_then(|room| room.i64("version")).unwrap_or_default();
    let versions: Vec<i64> = events.iter().filter_map(|event| event.fields.i64("version")).collect();
    if !versions.iter().copied().eq(1..=version) {
        violations.push(format!("the room is of version {version}, but the topic has {versions:?}"));
    }
    let kinds = |kind: EventKind| events.iter().filter(|event| event.is(kind)).count();
    let is_deleted = room.and_then(|room| room.text("status")) == Some("deleted");
    if room.is_some() && (kinds(REGISTERED), kinds(DELETED)) != (1, usize::from(is_deleted)) {
        violations.push(format!("the topic has {} registrations and {} deletions", kinds(REGISTERED), kinds(DELETED)));
    }
    let last = events.iter().rfind(|event| !event.is(DELETED));
    if let (Some(room), Some(last)) = (room, last)
        && ["description", "price"].iter().any(|name| room.get(name) != last.fields.get(name))
    {
        violations.push(format!("the room is {room}, but the topic has {}", last.fields));
    }
    room.is_some() || !events.is_empty()
}

/// The events of storage about holds follow those of reservation: freed exactly if cancelled, reserved if confirmed, unless
/// the cancellation was faster.
pub(super) fn follows(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let of = |kind| -> Vec<Fields> {
        let mut holds: Vec<Fields> = about(case, kind).map(hold_of).collect();
        holds.sort_by_key(|hold| hold.i64("hold"));
        holds
    };
    let (confirmed, cancelled, reserved, freed) = (of(CONFIRMED), of(CANCELLED), of(RESERVED), of(FREED));
    if freed != cancelled {
        violations.push(format!(
            "{} reservations are cancelled, but the room is freed {} times",
            cancelled.len(),
            freed.len()
        ));
    }
    let surplus = reserved.iter().filter(|hold| !confirmed.contains(hold));
    violations.extend(surplus.map(|hold| format!("the room is reserved by {hold}, which is not confirmed")));
    let lacking = confirmed.iter().filter(|hold| !reserved.contains(hold) && !cancelled.contains(hold));
    violations.extend(lacking.map(|hold| format!("{hold} is confirmed, but the room is not reserved by it")));
    if reserved.windows(2).any(|pair| pair[0] == pair[1]) {
        violations.push("the room is reserved twice by one hold".to_owned());
    }
    !confirmed.is_empty() || !freed.is_empty()
}

/// The number of reviews, in the store and in the topic.
pub(super) fn reviews(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let Some(room) = case.row(&STORAGES) else { return false };
    let rows = case.rows_referring_by(&REVIEWS, "storage_id");
    let mut ids: Vec<i64> = rows.iter().filter_map(|row| row.i64("reservation_id")).collect();
    let mut published: Vec<i64> =
        case.of_kind(REVIEWED).filter_map(|event| event.fields.i64("reservationId")).collect();
    ids.sort_unstable();
    published.sort_unstable();
    if ids != published || room.i64("reviews") != i64::try_from(ids.len()).ok() {
        violations.push(format!("the room is {room}; its reviews are {ids:?}, and in the topic {published:?}"));
    }
    !ids.is_empty() || !published.is_empty()
}

/// The page: the latest version of the registration, the latest hold and how far it is, and the number of reviews.
pub(super) fn page(case: &Case<'_>) -> Option<Fields> {
    let events = case.referring_by("storageId");
    if events.is_empty() {
        return None;
    }
    let maximum = |name| events.iter().filter_map(|event| event.fields.i64(name)).max();
    let registration = events
        .iter()
        .filter(|event| event.is(REGISTERED) || event.is(MODIFIED))
        .max_by_key(|event| event.fields.i64("version"));
    let registered = |name| registration.map(|event| event.fields.get(name).clone());
    let hold = maximum("hold");
    let of_hold = |kind| about(case, kind).find(|event| event.fields.i64("hold") == hold);
    let furthest = |steps: &[(EventKind, &'static str)]| {
        steps.iter().rev().find(|(kind, _)| of_hold(*kind).is_some()).map_or("", |(_, name)| *name)
    };
    let latest = events.iter().find(|event| hold.is_some() && event.fields.i64("hold") == hold);
    Some(fields! {
        "version": registration.and_then(|event| event.fields.i64("version")).unwrap_or_default(),
        "description": registered("description"),
        "price": registered("price"),
        "deleted": i64::from(about(case, DELETED).next().is_some()),
        "review_cnt": maximum("reviewCnt").unwrap_or_default(),
        "hold": hold.unwrap_or_default(),
        "reservation_id": latest.and_then(|event| event.fields.i64("reservationId")),
        "storage_status": furthest(&[(CREATED, "reserving"), (RESERVED, "reserved"), (FREED, "available")]),
        "reservation_status": furthest(&[
            (CREATED, "reqReserve"),
            (CONFIRMED, "reserved"),
            (CANCEL_REQUESTED, "reqCancel"),
            (CANCELLED, "cancelled"),
        ]),
        "payment_status": furthest(&[(PAYMENT_APPROVED, "approved"), (PAYMENT_CANCELLED, "cancelled")]),
    })
}

/// The hold that an event is about.
fn hold_of(event: &CaseEvent) -> Fields {
    fields! { "hold": event.fields.get("hold"), "reservationId": event.fields.get("reservationId") }
}
