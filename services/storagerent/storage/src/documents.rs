use chassis::openapi::{nullable, number, object, one_of, positive, text};
use context::Representation;
use serde_json::{Value, json};
use storage_domain::Room;
use utoipa::openapi::schema::ObjectBuilder;

use crate::rows::{AVAILABLE, RESERVED, RESERVING, ReviewRow, RoomRow, status};

/// A storage room. A deleted one has no document.
pub struct Storage;

/// The review of a room.
pub struct Review;

impl Representation for Storage {
    type Row = RoomRow;
    const NAME: &'static str = "Storage";
    const PATH: &'static str = "/storages";
    const REL: &'static str = "storages";
    const TITLE: &'static str = "storage";
    const LINKS: &'static [(&'static str, &'static str)] =
        &[("self", "/storages/{id}"), ("reviews", "/reviews?storageId={id}")];

    fn of(room: &Room) -> Option<Value> {
        let (status, _) = status(room.status);
        let document = json!({
            "id": room.id, "storageId": room.id, "description": room.registration.description.as_str(),
            "price": room.registration.price, "storageStatus": status, "reviewCnt": room.reviews,
        });
        (!room.is_deleted()).then_some(document)
    }

    fn schema() -> ObjectBuilder {
        let status =
            "available: it can be reserved. reserving: it is held for a reservation that is not confirmed yet.";
        object("A storage room.")
            .property("id", positive("The room."))
            .property("storageId", positive("The room."))
            .property("description", text("The description."))
            .property("price", nullable(positive("The price of a reservation. null: it cannot be reserved yet.")))
            .property("storageStatus", one_of(&[AVAILABLE, RESERVING, RESERVED]).description(Some(status)))
            .property("reviewCnt", number(&(0..=i64::MAX)).description(Some("The number of reviews.")))
    }
}

impl Representation for Review {
    type Row = ReviewRow;
    const NAME: &'static str = "Review";
    const PATH: &'static str = "/reviews";
    const REL: &'static str = "reviews";
    const TITLE: &'static str = "review by reservation";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/reviews/{id}")];

    fn of(review: &ReviewRow) -> Option<Value> {
        let ReviewRow { reservation_id, storage_id, content, .. } = review;
        Some(json!({
            "id": reservation_id, "reservationId": reservation_id, "storageId": storage_id, "content": content,
        }))
    }

    fn schema() -> ObjectBuilder {
        object("The review of a room, by the customer of a reservation.")
            .property("id", positive("The reservation."))
            .property("reservationId", positive("The reservation."))
            .property("storageId", positive("The room."))
            .property("content", text("The text."))
    }
}
