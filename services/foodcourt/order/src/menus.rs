//! The menus: a shop has its own.

use ambient::Positive;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chassis::Principal;
use chassis::body::{Fields, PathId, required};
use chassis::openapi::{self, Responses, number, number_or_digits, object, refusals, text_like};
use chassis::problem::Problem;
use context::{Route, created, created_or, shown, shown_or, store_problem};
use serde_json::json;
use utoipa::openapi::path::{HttpMethod, Parameter, ParameterIn};
use utoipa::openapi::{Required, Response as Described};
use utoipa_axum::router::OpenApiRouter;

use crate::documents::Dish;
use crate::rows::DishRow;
use crate::state::{CUSTOMER, OPERATOR, OrderState, SHOP, TENANCY};
use crate::store::{OrderStore, dish};

const PATH: &str = "/menus/{shopId}/{menuId}";

/// The maximum length of a name in characters.
const MAX_NAME: usize = 255;

/// The maximum price: that of many is exact too.
const MAX_PRICE: i64 = 1_000_000_000;

pub(crate) fn handlers() -> OpenApiRouter<OrderState> {
    let name = text_like(r"^[^\x00]*[^\s\x00][^\x00]*$", MAX_NAME).description(Some("The name: more than spaces."));
    let request = object("A dish.")
        .property("name", name)
        .property("price", number_or_digits("The price of one.", MAX_PRICE))
        .examples([json!({ "name": "Bibimbap", "price": 1_000 })]);
    let put_responses: Responses = shown_or::<Dish>("It is changed.", [invalid_name(), invalid_path()])
        .into_iter()
        .chain(created_or::<Dish>([]).into_iter().filter(|(status, _)| status == "201"))
        .collect();
    let mut deleted = refusals([unknown("1/1")]);
    deleted.insert("204".to_owned(), Described::new("It is deleted.").into());
    let about =
        "Puts a dish on the menu of its shop, or changes it. For the shop that the token names, and for operators.";
    let route = |method, id, about, request, responses| {
        let parameters = ["shopId", "menuId"].map(parameter).to_vec();
        Route { method, path: PATH, id, about, parameters, request, responses }
    };
    let shown = shown_or::<Dish>("The dish.", [unknown("1/1")]);
    route(HttpMethod::Get, "showDish", "A dish in the menu of a shop.", None, shown)
        .handled_by(show)
        .merge(
            route(HttpMethod::Put, "putDish", about, Some(openapi::required(request)), put_responses).handled_by(put),
        )
        .merge(
            route(
                HttpMethod::Delete,
                "deleteDish",
                "Takes a dish from the menu. An order keeps its price.",
                None,
                deleted,
            )
            .handled_by(delete),
        )
}

/// The dish that a path names.
struct DishPath {
    shop_id: Positive,
    menu_id: Positive,
}

impl DishPath {
    fn read(Path((shop, menu)): Path<(String, String)>) -> Result<Self, Problem> {
        let id = |text: &str| i64::parse(text).and_then(|id| Positive::new(id).ok());
        let (shop_id, menu_id) = id(&shop).zip(id(&menu)).ok_or_else(invalid_path)?;
        Ok(Self { shop_id, menu_id })
    }

    fn key(&self) -> String {
        dish(self.shop_id, self.menu_id)
    }

    /// 403 unless the caller may change this menu.
    fn authorize(&self, principal: Principal) -> Result<(), Problem> {
        principal.require_any_role(&[SHOP, OPERATOR])?;
        let may = principal.tenant_scope(TENANCY)?.includes(None, Some(self.shop_id.get()));
        if may { Ok(()) } else { Err(Problem::forbidden("a shop changes its own menu")) }
    }
}

/// Handles `GET`.
async fn show(
    State(store): State<OrderStore>,
    principal: Principal,
    path: Path<(String, String)>,
) -> Result<Response, Problem> {
    principal.require_any_role(&[CUSTOMER, SHOP, "board", OPERATOR])?;
    let key = DishPath::read(path)?.key();
    let dish = store.menus.find(&key, &chassis::Scope::All).await.map_err(store_problem)?;
    shown::<Dish>(&dish.ok_or_else(|| unknown(&key))?)
}

/// Handles `PUT`.
async fn put(
    State(store): State<OrderStore>,
    principal: Principal,
    path: Path<(String, String)>,
    fields: Fields,
) -> Result<Response, Problem> {
    let path = DishPath::read(path)?;
    path.authorize(principal)?;
    let name = required(fields.text("name", MAX_NAME)?, "name")?;
    if name.trim().is_empty() {
        return Err(invalid_name());
    }
    let price = required(fields.whole_number("price", 1..=MAX_PRICE)?, "price")?;
    let price = Positive::new(price).map_err(|rule| Problem::unprocessable_field("price", rule.to_string()))?;
    let (shop_id, menu_id) = (path.shop_id.get(), path.menu_id.get());
    let row = DishRow { dish: path.key(), shop_id, menu_id, name: name.to_owned(), price };
    let is_new = store.put_dish(&row).await.map_err(store_problem)?;
    if is_new { created::<Dish>(&row) } else { shown::<Dish>(&row) }
}

/// Handles `DELETE`.
async fn delete(
    State(store): State<OrderStore>,
    principal: Principal,
    path: Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let path = DishPath::read(path)?;
    path.authorize(principal)?;
    let key = path.key();
    let is_deleted = store.delete_dish(&key).await.map_err(store_problem)?;
    if is_deleted { Ok(StatusCode::NO_CONTENT) } else { Err(unknown(&key)) }
}

fn unknown(dish: &str) -> Problem {
    Problem::not_found(format!("there is no dish {dish}"))
}

fn invalid_path() -> Problem {
    Problem::not_found(i64::rule())
}

fn invalid_name() -> Problem {
    Problem::unprocessable_field("name", "must be a text of more than spaces")
}

fn parameter(name: &str) -> Parameter {
    let parameter = Parameter::builder().name(name).parameter_in(ParameterIn::Path).required(Required::True);
    parameter.schema(Some(number(&(1..=Positive::MAX)))).build()
}
