use std::collections::VecDeque;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use chassis::Scope;
use chassis::openapi::{self, Responses};
use chassis::problem::Problem;
use chassis::query::Value as QueryValue;
use events::Key;
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};
use store::Row;
use tokio::time::timeout;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Required, ResponseBuilder};

use crate::document::{Document, not_found};
use crate::live::versions::{MAX_PARTS, VersionVector};
use crate::live::{POLL_INTERVAL, Versioned};
use crate::representation::KeyOf;
use crate::{
    Filter, List, Live, Position, Repository, Representation, Streamed, Subscription, UnknownPosition, store_problem,
};

/// The interval of keep-alive comments on a silent stream.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// When to repeat a request that found the maximum number of streams open.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The event of a message with a new version.
pub(crate) const CHANGED: &str = "changed";

type StateOf<B> = <<B as Representation>::Row as Row>::State;

/// The rows of a list that are read at a time.
const MOST_CHANGES: i64 = 100;

/// A position in the live stream of a list. `None`: from now on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ChangeNumber(Option<i64>);

impl FromStr for ChangeNumber {
    type Err = UnknownPosition;

    fn from_str(text: &str) -> Result<Self, UnknownPosition> {
        let is_of_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        is_of_digits.then(|| text.parse().ok()).flatten().map(|number| Self(Some(number))).ok_or(UnknownPosition)
    }
}

/// Extractor of the position after which a stream continues, from `Last-Event-ID`.
pub(crate) struct LastEventId<P>(P);

impl<S: Send + Sync, P: Default + FromStr<Err = UnknownPosition>> FromRequestParts<S> for LastEventId<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let last = parts.headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default());
        last.map_or(Ok(P::default()), str::parse).map(Self).map_err(unknown_position)
    }
}

/// The messages of a state that follow a position.
pub(crate) type MessagesAfter<B, P> = fn(&StateOf<B>, &P) -> Vec<Message<P>>;

impl<R: Row<Key: Key>> Live<R> {
    /// The live stream of a row, for which it waits: the messages `after` the position.
    pub(crate) async fn follow<B: Representation<Row = R>, P: Clone + Display + Send + 'static>(
        &self,
        key: R::Key,
        scope: Scope,
        LastEventId(position): LastEventId<P>,
        after: MessagesAfter<B, P>,
    ) -> Result<Response, Problem> {
        let subscription = self.subscriptions.stream(key.clone()).ok_or_else(too_many_streams)?;
        let found = self.wait(&key, &scope, &subscription, self.longest_wait).await.map_err(store_problem)?;
        // If the process ends meanwhile, so does the stream, without a message: an EventSource then reconnects, and does
        // not after a problem.
        if found.is_none() && !self.host.draining().is_cancelled() {
            return Err(not_found::<B>(&key));
        }
        let messages = messages::<B, P>(self.rows.clone(), key, scope, subscription, position, after);
        let stream = Sse::new(self.host.until_draining(messages));
        Ok(stream.keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
    }
}

impl<R: Row<Key: Key>> Live<R> {
    /// The live stream of a list: the rows that change after the position, or from now on.
    pub(crate) async fn follow_list<B: Representation<Row = R>, const N: usize>(
        &self,
        list: List<N>,
        scope: Scope,
        filters: Vec<(&'static Filter, QueryValue)>,
        LastEventId(position): LastEventId<ChangeNumber>,
    ) -> Result<Response, Problem> {
        // Before the latest number is read, so that a change in between is not lost.
        let subscription = self.subscriptions.stream_of_all().ok_or_else(too_many_streams)?;
        let (first, number) = if let ChangeNumber(Some(number)) = position {
            (None, number)
        } else {
            let latest = self.rows.latest_change().await.map_err(store_problem)?;
            // An id without data is not an event of the client, which continues from there after a broken connection.
            (Some(Ok(Event::default().id(latest.to_string()))), latest)
        };
        let changes = changes::<B, N>(self.rows.clone(), list, scope, filters, subscription, number);
        let stream = Sse::new(self.host.until_draining(stream::iter(first).chain(changes)));
        Ok(stream.keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
    }
}

/// The rows of a list that change after `number`, without end. Fails when the store is lost, so that the client reconnects.
fn changes<B: Representation, const N: usize>(
    rows: Repository<B::Row>,
    list: List<N>,
    scope: Scope,
    filters: Vec<(&'static Filter, QueryValue)>,
    subscription: Subscription<KeyOf<B>>,
    number: i64,
) -> impl Stream<Item = Result<Event, axum::Error>> {
    let begin = (rows, scope, filters, subscription, number, VecDeque::new());
    stream::try_unfold(begin, move |(rows, scope, filters, subscription, mut number, mut due)| async move {
        loop {
            if let Some(message) = due.pop_front() {
                return Ok(Some((event(message)?, (rows, scope, filters, subscription, number, due))));
            }
            // Before the rows are read, so that a change in between is not lost.
            let change = subscription.next();
            let changed = rows.changed_after(&list, &scope, &filters, number, MOST_CHANGES).await;
            let changed = changed.map_err(axum::Error::new)?;
            match changed.last() {
                Some((latest, _)) => number = *latest,
                None => drop(timeout(POLL_INTERVAL, change).await),
            }
            due.extend(changed.iter().filter_map(|(position, state)| {
                let document = Document::<B>::of(state)?.into_value();
                Some(Message { position: *position, event: CHANGED, document })
            }));
        }
    })
}

/// The messages after `position`, without end. Fails when the store is lost, so that the client reconnects. A row that
/// leaves the scope, as its next epoch has another owner, has no more messages.
fn messages<B: Representation, P: Clone + Display + Send>(
    rows: Repository<B::Row>,
    key: KeyOf<B>,
    scope: Scope,
    subscription: Subscription<KeyOf<B>>,
    position: P,
    after: MessagesAfter<B, P>,
) -> impl Stream<Item = Result<Event, axum::Error>> {
    let begin = (rows, key, scope, subscription, position, VecDeque::new());
    stream::try_unfold(begin, move |(rows, key, scope, subscription, mut position, mut due)| async move {
        loop {
            if let Some(message) = due.pop_front() {
                return Ok(Some((event(message)?, (rows, key, scope, subscription, position, due))));
            }
            // Before the row is read, so that a change in between is not lost.
            let change = subscription.next();
            let state = rows.find(&key, &scope).await.map_err(axum::Error::new)?;
            due.extend(state.map(|state| after(&state, &position)).unwrap_or_default());
            match due.back() {
                Some(Message { position: last, .. }) => position = last.clone(),
                None => drop(timeout(POLL_INTERVAL, change).await),
            }
        }
    })
}

/// A message of a live stream.
pub(crate) struct Message<P> {
    position: P,
    event: &'static str,
    document: Value,
}

/// A message for each step after `position`.
pub(crate) fn steps_after<B: Streamed>(state: &StateOf<B>, position: &Position) -> Vec<Message<Position>> {
    let now = Document::<B>::of(state).map_or(Value::Null, Document::into_value);
    let message = |(position, step)| {
        let ((step, at), mut document) = (B::step(state, step), now.clone());
        document[B::OWN_STATUS] = document["status"].take();
        document["status"] = step.into();
        document["at"] = json!(at.map(|at| at.to_string()));
        Message { position, event: step, document }
    };
    B::log(state).after(*position).into_iter().map(message).collect()
}

/// A message with the document, if its version is later than `position`.
pub(crate) fn version_after<B: Versioned>(state: &StateOf<B>, position: &VersionVector) -> Vec<Message<VersionVector>> {
    let version = B::version(state);
    let document = Document::<B>::of(state).filter(|_| version.is_later_than(position));
    let message =
        |document: Document<B>| Message { position: version, event: CHANGED, document: document.into_value() };
    document.map(message).into_iter().collect()
}

fn event<P: Display>(message: Message<P>) -> Result<Event, axum::Error> {
    Event::default().id(message.position.to_string()).event(message.event).json_data(message.document)
}

fn unknown_position(_: UnknownPosition) -> Problem {
    Problem::bad_request("Last-Event-ID must be the id of a message of this stream")
}

fn too_many_streams() -> Problem {
    Problem::unavailable("the maximum number of live streams is open", RETRY_AFTER)
}

/// The end of both descriptions.
const WAITING: &str = "The stream waits for a resource that does not exist yet, 5 seconds at most unless `LIVE_WAIT` is set. It \
                       has no end: after a broken connection it continues after the last message that was received.";

/// The description of a stream of steps.
pub(crate) fn steps_description<B: Streamed>() -> String {
    let own_status = B::OWN_STATUS;
    format!(
        "It has one message for each step, in the order in which the steps became known. The event of a message is the step. Its \
         data is the resource as it is when the message is sent, with the step as `status`, the time of the step as `at`, and \
         the resource's own status, the furthest step that is known, as `{own_status}`. Steps become known in any order. The id \
         of a message is a position in that order, for `Last-Event-ID`: the stream continues after it, repeats no step and \
         skips none, even if the resource was rebuilt meanwhile. If the resource begins anew, its steps start anew, and the \
         stream sends no more steps from before.\n\n{WAITING}"
    )
}

/// The description of a stream of versions.
pub(crate) fn versions_description() -> String {
    format!(
        "It has a message whenever more is known of the resource, the first one at once. The event of a message is `{CHANGED}`, its \
         data is the resource as it is when the message is sent. Changes that become known together are one message. The id \
         of a message is the version of the resource, for `Last-Event-ID`: the stream continues after it, repeats no change \
         and skips none, even if the resource was rebuilt meanwhile.\n\n{WAITING}"
    )
}

/// The description of the stream of a list.
pub(crate) fn changes_description() -> String {
    format!(
        "It has a message for each resource of the list that appears or changes, in the order of the changes. The event of a \
         message is `{CHANGED}`, its data is the resource as it is when the message is sent. Changes of one resource that become \
         known together are one message. The id of a message is the number of the change, for `Last-Event-ID`: the stream \
         continues after it and skips no resource; after the list was rebuilt, resources are sent again. Without \
         `Last-Event-ID` the stream begins now, with an id alone: open it, and then read the list. With `0` it begins with \
         all resources. It has no end."
    )
}

pub(crate) fn change_parameter() -> Parameter {
    parameter("^[0-9]{1,19}$".to_owned(), "1611131400000001")
}

pub(crate) fn step_parameter() -> Parameter {
    parameter("^[0-9]{1,21}-0?[0-6]$".to_owned(), "161113140000000003-02")
}

pub(crate) fn version_parameter() -> Parameter {
    parameter(format!("^[0-9]{{1,19}}(\\.[0-9]{{1,19}}){{0,{}}}$", MAX_PARTS - 1), "3.0.71")
}

fn parameter(pattern: String, example: &str) -> Parameter {
    let id = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    ParameterBuilder::new()
        .name("Last-Event-ID")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The id of the last message that was received: later ones follow."))
        .schema(Some(id))
        .example(Some(example.into()))
        .build()
}

/// The responses, with a message as an example.
pub(crate) fn responses(operation: OperationBuilder, id: &str, event: &str) -> OperationBuilder {
    let message = format!("id: {id}\nevent: {event}\ndata: {{\"id\": 5000, …}}\n\n");
    let content = ContentBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .example(Some(message.into()));
    let stream =
        ResponseBuilder::new().description("Messages, as they occur.").content("text/event-stream", content.build());
    let operation = operation.response("200", stream);
    refusals_with([]).into_iter().fold(operation, |operation, (status, problem)| operation.response(status, problem))
}

/// The problems of a stream, and these.
pub(crate) fn refusals_with(more: impl IntoIterator<Item = Problem>) -> Responses {
    openapi::refusals([unknown_position(UnknownPosition), too_many_streams()].into_iter().chain(more))
}
