//! The commands of managers, and whether a room is free.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{self, Responses, number_or_digits, object, one_of, or_null, text_like};
use chassis::problem::Problem;
use chassis::query::{Value, Values};
use chassis::trace::{Trace, correlate};
use chassis::{Principal, Scope};
use context::{Change, Deletion, Repository, created, created_or, shown, shown_or, store_problem};
use serde_json::json;
use storage_contract::StorageEvent;
use storage_domain::{Description, InvalidDescription, Modification, Occupied, Registration, Room, Status};
use utoipa::IntoResponses;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema};

use crate::documents::Storage;
use crate::rows::{AVAILABLE, RoomRow};
use crate::state::{CUSTOMER, MANAGER, StorageState};

/// Handles `POST /storages`.
pub(crate) async fn register(
    State(state): State<StorageState>,
    principal: Principal,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Response, Problem> {
    principal.require_any_role(&[MANAGER])?;
    let id = fields.whole_number("storageId", 1..=MAX_EXACT)?;
    if !matches!(fields.text("storageStatus", Description::MAX_CHARS)?, None | Some(AVAILABLE)) {
        return Err(invalid_status());
    }
    let description = required(description(&fields)?, "description")?;
    let registration = Registration { description, price: price(&fields)? };
    loop {
        let room = Room::new(id.unwrap_or_else(|| state.host.ids().number()), registration.clone());
        correlate(room.id);
        if state.rooms.register(&room, trace).await.map_err(store_problem)? {
            return created::<Storage>(&room);
        }
        // An id that was drawn and is in use is drawn again.
        if id.is_some() {
            return registered_before(&state.storages, &room).await;
        }
    }
}

/// The same room as before, or a conflict.
async fn registered_before(storages: &Repository<RoomRow>, room: &Room) -> Result<Response, Problem> {
    match find(storages, room.id).await? {
        Some(known) if known.registration == room.registration => shown::<Storage>(&known),
        Some(_) | None => Err(id_in_use()),
    }
}

/// `PATCH` of `/storages/{id}`.
pub(crate) const MODIFY: Change<Room, Modification, StorageEvent> = Change {
    id: "modifyStorage",
    about: "Changes the registration of a room. A reservation keeps its price.",
    total: "storages_modified_total",
    schema: || registration(or_null(OneOfBuilder::new().item(text_of_description()))),
    read: |fields| Ok(Modification { description: description(fields)?, price: price(fields)? }),
    apply: |modification, room| Ok(room.modify(modification).map(StorageEvent::from)),
    problems: || vec![invalid_description("description")],
};

/// `DELETE` of `/storages/{id}`.
pub(crate) const DELETE: Deletion<Room, StorageEvent> = Deletion {
    id: "deleteStorage",
    about: "Deletes a room that is free.",
    total: "storages_deleted_total",
    apply: |room| room.delete().map(|event| Some(event.into())).map_err(occupied),
    repeated: |_| false,
    problems: || vec![occupied(Occupied)],
};

/// Whether a room is free. It is held by a reservation only: this has no effect.
#[utoipa::path(
    get,
    path = "/check/chkAndReqReserve",
    operation_id = "checkStorage",
    params(("storageId" = i64, Query, minimum = 1, maximum = 9_007_199_254_740_991_i64, description = "The room.")),
    responses((status = 200, body = bool, content_type = "application/json", description = "Whether it is free."), NotChecked),
)]
pub(crate) async fn check(
    State(storages): State<Repository<RoomRow>>,
    principal: Principal,
    uri: Uri,
) -> Result<Json<bool>, Problem> {
    principal.require_any_role(&[CUSTOMER, MANAGER])?;
    let Some(Value::Number(storage_id)) = Values::Positive.read("storageId", &uri)? else {
        return Err(no_storage_id());
    };
    correlate(storage_id);
    let room = find(&storages, storage_id).await?.ok_or_else(|| unknown(storage_id))?;
    Ok(Json(room.status == Status::Available))
}

async fn find(storages: &Repository<RoomRow>, id: i64) -> Result<Option<Room>, Problem> {
    let room = storages.find(&id, &Scope::All).await.map_err(store_problem)?;
    Ok(room.filter(|room| !room.is_deleted()))
}

/// `desc` is another name of the field.
fn description(fields: &Fields) -> Result<Option<Description>, Problem> {
    let named = |name| {
        let text = fields.text(name, Description::MAX_CHARS)?;
        text.map(Description::new).transpose().map_err(|_| invalid_description(name))
    };
    named("description")?.map_or_else(|| named("desc"), |description| Ok(Some(description)))
}

fn price(fields: &Fields) -> Result<Option<i64>, Problem> {
    fields.whole_number("price", 1..=MAX_EXACT)
}

fn invalid_description(field: &str) -> Problem {
    Problem::unprocessable_field(field, InvalidDescription.to_string())
}

fn invalid_status() -> Problem {
    Problem::unprocessable_field("storageStatus", "must be \"available\", or left out")
}

fn no_storage_id() -> Problem {
    Problem::unprocessable_field("storageId", "is required")
}

fn id_in_use() -> Problem {
    Problem::conflict("this storageId is in use: choose another one, or leave it out")
}

/// There is no such room, or it is deleted.
pub(crate) fn unknown(id: i64) -> Problem {
    Problem::not_found(format!("there is no storage {id}"))
}

fn occupied(rule: Occupied) -> Problem {
    Problem::conflict(rule.to_string())
}

fn text_of_description() -> ObjectBuilder {
    text_like(r"^[^\x00]+$", Description::MAX_CHARS).description(Some("The description."))
}

/// What a manager registers or changes.
fn registration(description: impl Into<RefOr<Schema>>) -> ObjectBuilder {
    let price = "The price of a reservation. Without one the room cannot be reserved yet.";
    object("What a manager registers.")
        .property("description", description)
        .property("price", or_null(number_or_digits(price, MAX_EXACT)))
}

pub(crate) fn request() -> ObjectBuilder {
    let id = "The id. One is drawn if it is left out.";
    let status = OneOfBuilder::new().item(one_of(&[AVAILABLE])).description(Some("May be left out."));
    registration(text_of_description())
        .property("storageId", or_null(number_or_digits(id, MAX_EXACT)))
        .property("storageStatus", or_null(status))
        .required("description")
        .examples([json!({ "description": "BigStorage", "price": 200_000, "storageStatus": AVAILABLE })])
}

pub(crate) fn registered() -> Responses {
    let before = shown_or::<Storage>("The same room was registered before.", []);
    let created = created_or::<Storage>([invalid_status(), invalid_description("description"), id_in_use()]);
    created.into_iter().chain(before).collect()
}

/// The problems of a check, for the document.
struct NotChecked;

impl IntoResponses for NotChecked {
    fn responses() -> Responses {
        openapi::refusals([no_storage_id(), Values::Positive.invalid("storageId"), unknown(1)])
    }
}
