use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response as AxumResponse;
use calls::{CallError, Transport};
use http::{Request, StatusCode};
use tokio_util::sync::CancellationToken;
use tower::util::ServiceExt;

use crate::World;
use crate::running::Running;
use crate::world::lock;

/// Longer than the timeout of any caller.
const FOR_EVER: Duration = Duration::from_hours(1);

/// A complete response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Why there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFailure {
    /// No replica accepts connections: the request was certainly not executed.
    NotConnected,
    /// The connection broke: the request may have been executed.
    Broken,
}

impl World {
    /// Sends a request to one of the replicas of a context, from a process or from a client.
    pub async fn call(&self, from: &str, to: &str, request: Request<Body>) -> Result<Response, CallFailure> {
        self.delay().await;
        let risks = self.risks();
        if self.outages().link_is_out(from, to) || self.occurs(risks.request_lost) {
            tokio::time::sleep(FOR_EVER).await;
        }
        let (running, router) = self.replica(to).ok_or(CallFailure::NotConnected)?;
        // A caller that disconnects cancels the request, as in hyper.
        let disconnected = CancellationToken::new();
        let _cancel_on_drop = disconnected.clone().drop_guard();
        let served = running.host.run_to_completion(disconnected.run_until_cancelled_owned(serve(router, request)));
        let response = served.await.flatten().filter(|_| !running.killed.is_cancelled()).ok_or(CallFailure::Broken)?;
        self.delay().await;
        if self.outages().link_is_out(from, to) || self.occurs(risks.response_lost) {
            tokio::time::sleep(FOR_EVER).await;
        }
        Ok(response)
    }

    fn replica(&self, context: &str) -> Option<(Arc<Running>, Router)> {
        let processes = self.processes();
        let serving = processes.values().filter(|running| running.context == context);
        let serving: Vec<_> =
            serving.filter_map(|running| Some((Arc::clone(running), lock(&running.router).clone()?))).collect();
        drop(processes);
        serving.get(self.draw(|rng| rng.usize(0..serving.len().max(1)))).cloned()
    }

    /// The transport from a process to a context, for the settings of its guarded call.
    pub fn transport(self: &Arc<Self>, from: &str, to: &'static str) -> Transport {
        let (world, from) = (Arc::clone(self), from.to_owned());
        Transport::new(tower::service_fn(move |request: reqwest::Request| {
            let (world, from) = (Arc::clone(&world), from.clone());
            async move {
                match world.call(&from, to, server_request(&request)?).await {
                    Ok(Response { status, body }) => {
                        let answer = calls::CallResponse { status, body: body.into() };
                        if status.is_server_error() { Err(CallError::Failed(answer)) } else { Ok(answer) }
                    }
                    Err(CallFailure::NotConnected) => {
                        Err(CallError::Unsent("no replica accepts connections".to_owned()))
                    }
                    Err(CallFailure::Broken) => Err(CallError::Broken("the connection broke".to_owned())),
                }
            }
        }))
    }
}

async fn serve(router: Router, request: Request<Body>) -> Response {
    let outcome: Result<AxumResponse, Infallible> = router.oneshot(request).await;
    let Ok(response) = outcome;
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap_or_default();
    Response { status, body: body.to_vec() }
}

/// The request as a server receives it.
fn server_request(request: &reqwest::Request) -> Result<Request<Body>, CallError> {
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default().to_vec();
    let mut received = Request::new(Body::from(body));
    *received.method_mut() = request.method().clone();
    let url = request.url();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let uri = format!("{}{query}", url.path()).parse();
    *received.uri_mut() = uri.map_err(|error: http::uri::InvalidUri| CallError::Unsent(error.to_string()))?;
    *received.headers_mut() = request.headers().clone();
    Ok(received)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_receives_method_path_query_headers_and_body() {
        let client = reqwest::Client::new();
        let sent = client.put("http://shop/things?id=1&of=a%20b").header("tag", "7").body("text").build().unwrap();
        let (head, body) = server_request(&sent).unwrap().into_parts();
        assert_eq!((head.method.as_str(), head.uri.to_string().as_str()), ("PUT", "/things?id=1&of=a%20b"));
        assert_eq!(head.headers["tag"], "7");
        assert_eq!(to_bytes(body, 100).await.unwrap(), "text");
        let without = client.get("http://shop/things").build().unwrap();
        assert_eq!(server_request(&without).unwrap().uri(), "/things");
    }
}
