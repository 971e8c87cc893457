use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use chassis::body::Id;
use chassis::openapi::{self, Answers};
use chassis::problem::Problem;
use chassis::{Asker, Scope};
use futures_util::{Stream, stream};
use match_contract::Step;
use mypage_domain::{MyPage, NeverSeen, Seen};
use tokio::time::timeout;
use utoipa::IntoResponses;

use crate::bodies::Message;
use crate::changes::Interest;
use crate::http::{Pages, scope, unknown};
use crate::store::MyPageStore;

/// How often a page is looked at though nobody said that it changed: another replica may have changed it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How often a silent stream shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// When a client may come back if there are as many streams as there may be.
const COME_BACK: Duration = Duration::from_secs(5);

/// The live stream of a page: one message for each step, those that happened before first, then as they happen.
///
/// The event of a message is the step, its id is for `Last-Event-ID`, its data is the page with `at`,
/// the time of the step. The stream has no end: where
/// it breaks off, it goes on after the last message that was seen.
#[utoipa::path(
    get,
    path = "/myPages/{id}/events",
    operation_id = "followMyPage",
    params(Id, ("Last-Event-ID" = Option<String>, Header, nullable = false, pattern = "^[0-9]{1,18}-[0-6]$", example = "1611131400000000-3",
        description = "The id of the last message that was seen: later ones follow.")),
    responses(
        (status = 200, content_type = "text/event-stream", body = String, description = "Messages, as they happen.",
            example = "id: 1611131400000000-1\nevent: matchRequested\ndata: {\"id\": 5000, …}\n\n"),
        NoStream,
    ),
)]
pub async fn follow(
    State(pages): State<Arc<Pages>>,
    asker: Asker,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let scope = scope(asker)?;
    let last = headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default());
    let seen = last.map_or(Ok(Seen::default()), str::parse);
    let seen = seen.map_err(never_seen)?;
    let interest = pages.changes.watch(id).ok_or_else(full)?;
    pages.store.find(id, &scope).await.map_err(store::problem)?.ok_or_else(|| unknown(id))?;
    let messages = pages.host.until_draining(messages(pages.store.clone(), id, scope, interest, seen));
    Ok(Sse::new(messages).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn never_seen(_: NeverSeen) -> Problem {
    Problem::bad_request("Last-Event-ID must be the id of a message of this stream")
}

fn full() -> Problem {
    Problem::unavailable("there are as many live streams as there may be", COME_BACK)
}

/// Why nothing streams, as the document has it.
struct NoStream;

impl IntoResponses for NoStream {
    fn responses() -> Answers {
        openapi::refusals([never_seen(NeverSeen), full()])
    }
}

/// The steps after `seen`, for ever; it ends when the store is lost, so that the client comes again. Of a page that has left
/// the scope, as a later attempt is somebody else's, nothing is told any more.
fn messages(
    store: MyPageStore,
    id: i64,
    scope: Scope,
    interest: Interest,
    seen: Seen,
) -> impl Stream<Item = Result<Event, axum::Error>> {
    let begin = (store, scope, interest, seen, VecDeque::new());
    stream::try_unfold(begin, move |(store, scope, interest, mut seen, mut due)| async move {
        loop {
            if let Some(event) = due.pop_front() {
                return Ok(Some((event, (store, scope, interest, seen, due))));
            }
            // Asked for before the look, so that a change in between is heard.
            let change = interest.next();
            let page = store.find(id, &scope).await.map_err(axum::Error::new)?;
            for (now, event) in page.map(|page| since(&page, seen)).unwrap_or_default() {
                seen = now;
                due.push_back(event?);
            }
            if due.is_empty() {
                let _ = timeout(LOOK_AGAIN, change).await;
            }
        }
    })
}

/// The messages for the steps that are further than what was seen.
fn since(page: &MyPage, seen: Seen) -> Vec<(Seen, Result<Event, axum::Error>)> {
    // Of a new attempt all steps are new.
    let from = if seen.attempt == 0 || seen.attempt == page.attempt { seen.step } else { 0 };
    let further = page.steps().map(|(step, at)| (place(step), step, at)).filter(|(place, ..)| *place > from);
    let message = |(place, step, at): (usize, Step, ambient::Timestamp)| {
        let seen = Seen { attempt: page.attempt, step: place };
        let data = Message::new(page, step, at.to_string());
        (seen, Event::default().id(seen.to_string()).event(step.name()).json_data(data))
    };
    further.map(message).collect()
}

fn place(step: Step) -> usize {
    step as usize + 1
}

#[cfg(test)]
mod tests {
    use ambient::Timestamp;

    use super::*;

    fn places(page: &MyPage, seen: Seen) -> Vec<usize> {
        since(page, seen).into_iter().map(|(seen, _)| seen.step).collect()
    }

    #[test]
    fn a_stream_begins_with_what_has_happened_and_resumes_after_what_was_seen() {
        let mut page = MyPage { attempt: 7, ..MyPage::unknown(5000) };
        page.happened[Step::MatchRequested as usize] = Some(Timestamp::from_micros(1));
        page.happened[Step::MatchCanceled as usize] = Some(Timestamp::from_micros(2));
        assert_eq!(places(&page, Seen::default()), [1, 4]);
        assert_eq!(places(&page, Seen { attempt: 7, step: 1 }), [4]);
        assert_eq!(places(&page, Seen { attempt: 7, step: 4 }), [0; 0]);
        assert_eq!(places(&page, Seen { attempt: 6, step: 5 }), [1, 4], "another attempt");
    }
}
