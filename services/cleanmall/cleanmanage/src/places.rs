//! What operators let the management accept.

use axum::Json;
use axum::extract::State;
use chassis::Principal;
use chassis::body::{Fields, MAX_EXACT};
use chassis::openapi::{Responses, number_or_digits, object, or_null, texts};
use chassis::problem::Problem;
use cleanmanage_domain::Places;
use context::{Route, outcome_or, store_problem};
use serde_json::{Value, json};
use utoipa::openapi::HttpMethod;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema};
use utoipa_axum::router::OpenApiRouter;

use crate::store::{ManageState, ManagementStore, OPERATOR};

const MAX_PLACES: usize = 1_000;
const MAX_PLACE: usize = 100;

/// The routes.
pub(crate) fn handlers() -> OpenApiRouter<ManageState> {
    let route = Route {
        method: HttpMethod::Put,
        path: "/cleanmanages/places",
        id: "replacePlaces",
        about: "Replaces what the management accepts. For the role operator.",
        parameters: Vec::new(),
        request: Some(request().build()),
        responses: replaced(),
    };
    route.handled_by(replace)
}

async fn replace(
    State(store): State<ManagementStore>,
    principal: Principal,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    principal.require_any_role(&[OPERATOR])?;
    if let Some(other) = fields.names().find(|name| !["served", "limit"].contains(name)) {
        return Err(unknown_field(other));
    }
    let served = fields.texts("served", MAX_PLACES, MAX_PLACE)?.map(<[String]>::to_vec);
    let places = Places { served, limit: fields.whole_number("limit", 1..=MAX_EXACT)? };
    store.replace_places(&places).await.map_err(store_problem)?;
    Ok(Json(json!({ "served": places.served, "limit": places.limit })))
}

fn unknown_field(name: &str) -> Problem {
    Problem::unprocessable_field(name, "is neither served nor limit")
}

fn request() -> ObjectBuilder {
    properties("What the management accepts. What is left out is not limited.")
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
        .examples([json!({ "served": ["seoul", "busan"], "limit": 100 })])
}

fn properties(about: &str) -> ObjectBuilder {
    let limit = "How many calls may be open at the same time. Null: any number.";
    object(about)
        .property("served", or_null(texts("The places that are served. Null: all.", MAX_PLACES, MAX_PLACE)))
        .property("limit", or_null(number_or_digits(limit, MAX_EXACT)))
}

fn replaced() -> Responses {
    outcome_or("It is so now.", properties("What the management accepts."), [unknown_field("places")])
}
