//! `DELETE` of one row.

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::delete;
use chassis::body::Id;
use chassis::conditional::Conditions;
use chassis::openapi::refusals;
use chassis::problem::Problem;
use chassis::trace::Trace;
use chassis::{Principal, Scope};
use events::EventSet;
use utoipa::openapi::Response;
use utoipa::openapi::path::HttpMethod;

use crate::document::not_found;
use crate::representation::{KeyOf, Representation, StateOf};
use crate::resource::{Resource, add_responses, check_conditions, one, show_parameters};
use crate::{Repository, store_problem};

/// A command that deletes what a row is about: its operation, and the change. The row stays, without a document.
pub struct Deletion<S, E> {
    /// The name of the operation.
    pub id: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// The counter of deletions.
    pub total: &'static str,
    /// Changes the state, and returns the event that is published. `None`: nothing has changed.
    pub apply: fn(&mut S) -> Result<Option<E>, Problem>,
    /// Whether a deletion of this state is answered as the first one was. Otherwise a state without a document is not found.
    pub repeated: fn(&S) -> bool,
    /// The problems of the command itself.
    pub problems: fn() -> Vec<Problem>,
}

impl<B: Representation, S: Clone + Send + Sync + 'static> Resource<B, S> {
    /// `DELETE` of one row, in the role that owns rows. A row without a document is not found, unless
    /// the deletion is a repetition.
    #[must_use]
    pub fn delete<E>(self, deletion: &Deletion<StateOf<B>, E>) -> Self
    where
        E: EventSet,
        StateOf<B>: Clone,
        Repository<B::Row>: FromRef<S>,
    {
        let Deletion { id, about, total, apply, repeated, problems } = *deletion;
        let visibility = self.visibility;
        let handler = async move |State(rows): State<Repository<B::Row>>,
                                  principal: Principal,
                                  Id(key): Id<KeyOf<B>>,
                                  Trace(trace): Trace,
                                  conditions: Conditions| {
            let scope = Scope::of(visibility.owner(principal)?.as_deref());
            let delete = |state: &mut StateOf<B>| {
                if repeated(state) {
                    return Ok(None);
                }
                check_conditions::<B>(&conditions, &key, state)?;
                apply(state)
            };
            let deleted = rows.update(&key, &scope, trace, total, delete).await.map_err(store_problem)??;
            deleted.map(|_| StatusCode::NO_CONTENT).ok_or_else(|| not_found::<B>(&key))
        };
        let mut responses = refusals(problems());
        responses.insert("204".to_owned(), Response::new("It is deleted.").into());
        let operation = self.operation(id, about, show_parameters::<B>());
        self.route(&one::<B>(""), HttpMethod::Delete, add_responses(operation, responses), delete(handler), Vec::new())
    }
}
