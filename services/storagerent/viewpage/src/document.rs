use chassis::body::MAX_EXACT;
use chassis::openapi::{nullable, number, object, one_of, positive, text};
use context::{Representation, VersionVector, Versioned};
use serde_json::{Value, json};
use utoipa::openapi::schema::ObjectBuilder;

use crate::page::{StorageView, place};

/// All that is known of a room. Unknown parts are null.
pub struct PageDocument;

impl Representation for PageDocument {
    type Row = StorageView;
    const NAME: &'static str = "StorageView";
    const PATH: &'static str = "/storageviews";
    const REL: &'static str = "storageviews";
    const TITLE: &'static str = "page of room";
    const LINKS: &'static [(&'static str, &'static str)] =
        &[("self", "/storageviews/{id}"), ("events", "/storageviews/{id}/events")];

    fn of(page: &StorageView) -> Option<Value> {
        let known = |status: &String| Some(status.clone()).filter(|status| !status.is_empty());
        let storage = known(&page.storage_status).unwrap_or_else(|| "available".to_owned());
        Some(json!({
            "id": page.storage_id, "description": page.description, "price": page.price, "reviewCnt": page.review_cnt,
            "storageStatus": if page.deleted { "deleted" } else { &storage }, "reservationId": page.reservation_id,
            "reservationStatus": known(&page.reservation_status), "paymentStatus": known(&page.payment_status),
            "paymentId": page.reservation_id.filter(|_| !page.payment_status.is_empty()),
        }))
    }

    fn schema() -> ObjectBuilder {
        object("All that is known of a room. Unknown parts are null.")
            .property("id", positive("The room."))
            .property("description", nullable(text("The description of the room.")))
            .property("price", nullable(positive("The price of a reservation. Null: the room cannot be reserved yet.")))
            .property("storageStatus", one_of(&["available", "reserving", "reserved", "deleted"]))
            .property("reservationId", nullable(positive("The latest reservation of the room.")))
            .property("reservationStatus", nullable(one_of(&["reqReserve", "reserved", "reqCancel", "cancelled"])))
            .property("paymentId", nullable(positive("The payment of that reservation: it has its id.")))
            .property("paymentStatus", nullable(one_of(&["approved", "cancelled"])))
            .property("reviewCnt", number(&(0..=MAX_EXACT)).description(Some("The number of reviews.")))
    }
}

/// With a later hold, all three statuses are later.
impl Versioned for PageDocument {
    fn version(page: &StorageView) -> VersionVector {
        let statuses = [&page.storage_status, &page.reservation_status, &page.payment_status];
        let statuses = statuses.map(|status| page.hold.saturating_mul(8).saturating_add(place(status)));
        VersionVector::new([page.version, i64::from(page.deleted), page.review_cnt].into_iter().chain(statuses))
    }
}
