//! The kinds of pizza over HTTP.

use axum::Json;
use chassis::Principal;
use chassis::openapi::{Responses, object, positive, refusals, required, text};
use chassis::problem::Problem;
use pizza_order_domain::MENU;
use serde_json::{Value, json};
use utoipa::IntoResponses;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{ContentBuilder, ResponseBuilder};

use crate::http::READERS;

/// The kinds of pizza with their prices.
#[utoipa::path(get, path = "/pizzas", operation_id = "listPizzas", responses(Menu))]
pub(crate) async fn list(principal: Principal) -> Result<Json<Value>, Problem> {
    READERS.scope(principal)?;
    let pizzas: Vec<Value> = MENU
        .iter()
        .map(|pizza| json!({ "id": pizza.id, "pizzaId": pizza.id, "name": pizza.name, "price": pizza.price }))
        .collect();
    Ok(Json(json!({ "_embedded": { "pizzas": pizzas }, "_links": { "self": { "href": "/pizzas" } } })))
}

/// The response, for the document.
struct Menu;

impl IntoResponses for Menu {
    fn responses() -> Responses {
        let pizza = object("A kind of pizza.")
            .property("id", positive("The kind."))
            .property("pizzaId", positive("The kind."))
            .property("name", text("The name."))
            .property("price", positive("The price of one."));
        let pizzas = object("The kinds.").property("pizzas", ArrayBuilder::new().items(required(pizza)));
        let link = object("A link.").property("href", text("A path."));
        let links = object("The links.").property("self", required(link));
        let menu = object("All kinds.").property("_embedded", required(pizzas)).property("_links", required(links));
        let content = ContentBuilder::new().schema(Some(required(menu))).build();
        let ok = ResponseBuilder::new().description("All kinds.").content("application/json", content).build();
        let mut responses = refusals([]);
        responses.insert("200".to_owned(), ok.into());
        responses
    }
}
