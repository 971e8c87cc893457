use testkit::ApiResponse;
use workload::Operation;

/// The gateway's response if all its room for bodies is taken. Clients like these never need so much: one of them would
/// have got more than its share.
const NO_ROOM: &str = "too many bodies are on their way";

/// Why a response of an operation is not documented, if it is not.
pub(crate) fn violation(operation: Operation, response: &ApiResponse) -> Option<String> {
    let ApiResponse { asked: request, status, body, .. } = response;
    if !operation.documents(*status) {
        return Some(format!("{request} ({operation}): response {status}: {body}"));
    }
    if body["detail"] == NO_ROOM {
        return Some(format!("{request} ({operation}) got no room for its body"));
    }
    let lacks = |header: &str| response.header(header).is_none();
    if *status == 201 && lacks("location") {
        return Some(format!("{request} ({operation}): response 201 without Location"));
    }
    if *status == 503 && lacks("retry-after") {
        return Some(format!("{request} ({operation}): response 503 without Retry-After"));
    }
    // It has no body.
    if *status == 204 {
        return None;
    }
    let media_type = response.header("content-type").unwrap_or_default();
    let expected = if *status >= 400 { "application/problem+json" } else { operation.media_type() };
    (media_type != expected).then(|| format!("{request} ({operation}): response {status} as {media_type:?}: {body}"))
}
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::HeaderMap;
    use serde_json::Value;

    use super::*;

    const LIFT: Operation = Operation::new("lift", &[200, 201, 402]);
    const AGAIN: Operation = Operation::new("lift again", &[200]);
    const VIEW: Operation = Operation::new("view", &[200, 404]);

    fn response(status: u16, headers: &[(&'static str, &'static str)]) -> ApiResponse {
        let kind = if status >= 400 { "application/problem+json" } else { "application/json" };
        let mut response = ApiResponse {
            asked: "POST /boxes".to_owned(),
            status,
            headers: HeaderMap::default(),
            body: Value::Null,
            took: Duration::ZERO,
        };
        for (name, value) in [("content-type", kind)].iter().chain(headers) {
            response.headers.insert(*name, value.parse().unwrap());
        }
        response
    }

    #[test]
    fn only_documented_responses_are_no_violation() {
        let location = [("location", "/boxes/1")];
        assert_eq!(violation(LIFT, &response(201, &location)), None);
        assert_eq!(violation(LIFT, &response(402, &[])), None);
        assert_eq!(violation(LIFT, &response(502, &[])), None);
        assert_eq!(violation(VIEW, &response(404, &[])), None);
        for (operation, status) in [(LIFT, 500), (LIFT, 409), (LIFT, 422), (AGAIN, 201), (AGAIN, 404), (VIEW, 409)] {
            assert!(violation(operation, &response(status, &location)).is_some(), "{operation}: {status}");
        }
    }

    #[test]
    fn headers_belong_to_the_documentation() {
        assert!(violation(LIFT, &response(201, &[])).unwrap().contains("Location"));
        assert!(violation(VIEW, &response(503, &[])).unwrap().contains("Retry-After"));
        assert_eq!(violation(VIEW, &response(503, &[("retry-after", "1")])), None);
        assert!(violation(VIEW, &response(200, &[("content-type", "text/plain")])).unwrap().contains("text/plain"));
        let stream = [("content-type", "text/event-stream")];
        assert!(violation(VIEW, &response(200, &stream)).is_some());
        assert_eq!(violation(VIEW.live(), &response(200, &stream)), None);
    }
}
