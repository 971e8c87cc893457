//! `GET` of live streams: of one row, and of a list.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRef, State};
use axum::http::Uri;
use axum::routing::get;
use chassis::Principal;
use chassis::body::Id;
use utoipa::IntoParams;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter};

use crate::live::stream::MessagesAfter;
use crate::representation::{KeyOf, Representation};
use crate::resource::{Resource, add_responses, one};
use crate::{List, Live, Streamed, UnknownPosition, Versioned, live};

impl<B: Representation, S: Clone + Send + Sync + 'static> Resource<B, S> {
    /// `GET` of the live stream of the steps of one row.
    #[must_use]
    pub fn follow(self, about: &str) -> Self
    where
        B: Streamed,
        Live<B::Row>: FromRef<S>,
    {
        let parameter = live::stream::step_parameter();
        let operation = self.stream_operation(about, live::stream::steps_description::<B>(), parameter);
        let operation = live::stream::responses(operation, "161113140000000001-01", "happened");
        self.route_stream(operation, live::stream::steps_after::<B>)
    }

    /// `GET` of the live stream of the versions of one row.
    #[must_use]
    pub fn follow_versions(self, about: &str) -> Self
    where
        B: Versioned,
        Live<B::Row>: FromRef<S>,
    {
        let parameter = live::stream::version_parameter();
        let operation = self.stream_operation(about, live::stream::versions_description(), parameter);
        let operation = live::stream::responses(operation, "3.0.71", live::stream::CHANGED);
        self.route_stream(operation, live::stream::version_after::<B>)
    }

    /// `GET` of the live stream of the list, narrowed down as the list is: see [`Projector::numbering_changes`].
    ///
    /// [`Projector::numbering_changes`]: crate::Projector::numbering_changes
    #[must_use]
    pub fn follow_list<const N: usize>(self, about: &str, list: List<N>) -> Self
    where
        Live<B::Row>: FromRef<S>,
    {
        let visibility = self.visibility;
        let handler = async move |State(live): State<Live<B::Row>>, principal: Principal, uri: Uri, last| {
            let scope = visibility.scope(principal)?;
            live.follow_list::<B, N>(list, scope, list.given(&uri)?, last).await
        };
        let filters = list.filters().iter();
        let parameters = filters.clone().map(|filter| filter.values.describe(filter.parameter, filter.about));
        let parameters = parameters.chain([live::stream::change_parameter()]);
        let operation = self.operation(&format!("follow{}", B::plural()), about, parameters);
        let operation = operation.description(Some(live::stream::changes_description()));
        let operation = live::stream::responses(operation, "1611131400000001", live::stream::CHANGED);
        let invalid = filters.map(|filter| filter.values.invalid(filter.parameter));
        let operation = add_responses(operation, live::stream::refusals_with(invalid));
        self.route(&format!("{}/events", B::PATH), HttpMethod::Get, operation, get(handler), Vec::new())
    }

    fn stream_operation(&self, about: &str, description: String, last: Parameter) -> OperationBuilder {
        let parameters = Id::<KeyOf<B>>::into_params(|| None).into_iter().chain([last]);
        self.operation(&format!("follow{}", B::NAME), about, parameters).description(Some(description))
    }

    fn route_stream<P>(self, operation: OperationBuilder, after: MessagesAfter<B, P>) -> Self
    where
        P: Clone + Default + Display + FromStr<Err = UnknownPosition> + Send + Sync + 'static,
        Live<B::Row>: FromRef<S>,
    {
        let visibility = self.visibility;
        let handler = async move |State(live): State<Live<B::Row>>, principal, Id(id): Id<KeyOf<B>>, last| {
            let scope = visibility.scope(principal)?;
            live.follow::<B, P>(id, scope, last, after).await
        };
        self.route(&one::<B>("/events"), HttpMethod::Get, operation, get(handler), Vec::new())
    }
}
