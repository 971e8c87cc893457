//! `PATCH` and `PUT` of one row.

use axum::Json;
use axum::extract::{FromRef, State};
use axum::response::IntoResponse;
use axum::routing::patch;
use chassis::body::{Fields, Id};
use chassis::conditional::Conditions;
use chassis::openapi::refusals;
use chassis::problem::Problem;
use chassis::trace::Trace;
use chassis::{Principal, Scope};
use events::EventSet;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::ObjectBuilder;

use crate::document::{Document, not_found};
use crate::representation::{KeyOf, Representation, StateOf};
use crate::resource::{Resource, check_conditions, json, one, operation_of, schemas, show_parameters};
use crate::{Repository, store_problem};

/// A command that changes an existing row: its operation, its body, and the change.
pub struct Change<S, C, E> {
    /// The name of the operation.
    pub id: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// The counter of changes.
    pub total: &'static str,
    /// The schema of the body. It names the properties that are required.
    pub schema: fn() -> ObjectBuilder,
    /// Reads the command from the body.
    pub read: fn(&Fields) -> Result<C, Problem>,
    /// Changes the state, and returns the event that is published. `None`: nothing has changed.
    pub apply: fn(C, &mut S) -> Result<Option<E>, Problem>,
    /// The problems of the command itself.
    pub problems: fn() -> Vec<Problem>,
}

impl<B: Representation, S: Clone + Send + Sync + 'static> Resource<B, S> {
    /// `PATCH` and `PUT` of one row, in the role that owns rows. `If-Match` and `If-None-Match` are checked under the lock of
    /// the row.
    #[must_use]
    pub fn change<C, E>(self, change: &Change<StateOf<B>, C, E>) -> Self
    where
        C: Send + 'static,
        E: EventSet,
        StateOf<B>: Clone,
        Repository<B::Row>: FromRef<S>,
    {
        let Change { id, about, total, schema, read, apply, problems } = *change;
        let visibility = self.visibility;
        let handler = async move |State(rows): State<Repository<B::Row>>,
                                  principal: Principal,
                                  Id(key): Id<KeyOf<B>>,
                                  Trace(trace): Trace,
                                  conditions: Conditions,
                                  fields: Fields| {
            let scope = Scope::of(visibility.owner(principal)?.as_deref());
            let command = read(&fields)?;
            let change = |state: &mut StateOf<B>| {
                check_conditions::<B>(&conditions, &key, state)?;
                apply(command, state)
            };
            let changed = rows.update(&key, &scope, trace, total, change).await.map_err(store_problem)??;
            let document = changed.as_ref().and_then(Document::<B>::of).ok_or_else(|| not_found::<B>(&key))?;
            Ok::<_, Problem>(Json(document).into_response())
        };
        let mut responses = refusals(problems());
        responses.insert("200".to_owned(), json::<Document<B>>("It is so, now or before.").build().into());
        let operation = operation_of(id, about, schema().build(), responses);
        let operation = operation.parameters(Some(show_parameters::<B>()));
        let methods = vec![HttpMethod::Patch, HttpMethod::Put];
        self.routes(&one::<B>(""), methods, operation, patch(handler).put(handler), schemas::<Document<B>>())
    }
}
