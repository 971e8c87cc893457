//! `POST` of a resource that a saga establishes.

use ambient::{OutOfRange, Subject};
use axum::Json;
use axum::extract::{FromRef, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chassis::Principal;
use chassis::body::Fields;
use chassis::problem::Problem;
use chassis::trace::Trace;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::ObjectBuilder;

use crate::document::Document;
use crate::idempotency_keys::{self, KeyError};
use crate::representation::Representation;
use crate::resource::{Resource, created, created_or, json, operation_of, schemas};
use crate::saga::{Request, RequestOutcomeOf, Requested, Requests};

/// The request of a resource that a saga establishes: its operation, and its body.
pub struct RequestDocument<O> {
    /// The name of the operation.
    pub id: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// The field with the id that the client may choose.
    pub id_field: &'static str,
    /// The schema of the body.
    pub schema: fn() -> ObjectBuilder,
    /// Reads what a client requests from the body. The subject is the client. `None`: authentication is disabled.
    pub read: fn(&Fields, Option<Subject>) -> Result<O, Problem>,
    /// The problems of this resource, such as that a participant declines.
    pub problems: fn() -> Vec<Problem>,
}

impl<B: Representation, S: Clone + Send + Sync + 'static> Resource<B, S> {
    /// `POST` of a request, in the role that owns resources. 201 if the resource is established by this request, 200 if it
    /// had been there before. A client may send an `Idempotency-Key`.
    #[must_use]
    pub fn request<D>(self, document: &RequestDocument<D::Offer>) -> Self
    where
        D: Requested<Row = B::Row>,
        Requests<D>: FromRef<S>,
    {
        let RequestDocument { id, about, id_field, schema, read, problems } = *document;
        let visibility = self.visibility;
        let handler = async move |State(requests): State<Requests<D>>,
                                  principal: Principal,
                                  Trace(trace): Trace,
                                  headers: HeaderMap,
                                  fields: Fields| {
            let owner = visibility.owner(principal)?;
            let chosen = fields.positive(id_field)?;
            let offer = read(&fields, owner)?;
            let request = Request { id: chosen, offer, key: idempotency_keys::read(&headers)? };
            let (established, known) = requests.execute(request, trace).await?;
            respond::<B>(&established.into(), known)
        };
        let invalid_id = Problem::unprocessable_field(id_field, OutOfRange.to_string());
        let problems = RequestOutcomeOf::<D>::problems::<D>().chain(problems()).chain([invalid_id]);
        let mut responses = created_or::<B>(problems.chain(KeyError::ALL.map(Problem::from)));
        responses.insert("200".to_owned(), json::<Document<B>>("It was established before.").build().into());
        let operation = operation_of(id, about, schema().build(), responses);
        let operation = operation.parameter(idempotency_keys::parameter());
        self.route(B::PATH, HttpMethod::Post, operation, post(handler), schemas::<Document<B>>())
    }
}

fn respond<B: Representation>(state: &<B::Row as store::Row>::State, known: bool) -> Result<Response, Problem> {
    match Document::<B>::of(state).filter(|_| known) {
        Some(document) => Ok(Json(document).into_response()),
        None => created::<B>(state),
    }
}
