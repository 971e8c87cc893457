//! Routes that are not about one kind of documents.

use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use chassis::openapi::{self, Responses, required};
use chassis::problem::Problem;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter};
use utoipa::openapi::schema::{Object, ObjectBuilder};
use utoipa::openapi::{ContentBuilder, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::resource::{add_responses, operation_of, routes};

/// A route that is not about one kind of documents: its operation.
pub struct Route {
    /// The method.
    pub method: HttpMethod,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// The name of the operation.
    pub id: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// The schema of the body. `None`: it has no body.
    pub request: Option<Object>,
    /// The responses of the operation itself.
    pub responses: Responses,
}

impl Route {
    /// The route with its handler.
    pub fn handled_by<S, H, T>(self, handler: H) -> OpenApiRouter<S>
    where
        S: Clone + Send + Sync + 'static,
        H: Handler<T, S>,
        T: 'static,
    {
        let Self { method, path, id, about, parameters, request, responses } = self;
        let operation = if let Some(request) = request {
            operation_of(id, about, request, responses)
        } else {
            add_responses(OperationBuilder::new().operation_id(Some(id)).summary(Some(about)), responses)
        };
        let filter = match method {
            HttpMethod::Get => MethodFilter::GET,
            HttpMethod::Post => MethodFilter::POST,
            HttpMethod::Put => MethodFilter::PUT,
            HttpMethod::Delete => MethodFilter::DELETE,
            HttpMethod::Options => MethodFilter::OPTIONS,
            HttpMethod::Head => MethodFilter::HEAD,
            HttpMethod::Patch => MethodFilter::PATCH,
            HttpMethod::Trace => MethodFilter::TRACE,
        };
        let operation = parameters.into_iter().fold(operation, OperationBuilder::parameter);
        routes(path, vec![method], operation, on(filter, handler), Vec::new())
    }
}

/// `POST` of a command that is not about one kind of documents. `request` is the schema of its body, `responses` are those
/// of the command itself.
pub fn command<S, H, T>(
    path: &'static str,
    id: &'static str,
    about: &'static str,
    request: ObjectBuilder,
    responses: Responses,
    handler: H,
) -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    H: Handler<T, S>,
    T: 'static,
{
    let (parameters, request) = (Vec::new(), Some(required(request)));
    Route { method: HttpMethod::Post, path, id, about, parameters, request, responses }.handled_by(handler)
}

/// The responses to a command in the `OpenAPI` document: 200 with an outcome, whose properties are all required, and the
/// problems of the command.
pub fn outcome_or(about: &str, outcome: ObjectBuilder, problems: impl IntoIterator<Item = Problem>) -> Responses {
    let content = ContentBuilder::new().schema(Some(required(outcome))).build();
    let ok = ResponseBuilder::new().description(about).content("application/json", content).build();
    let mut responses = openapi::refusals(problems);
    responses.insert("200".to_owned(), ok.into());
    responses
}
