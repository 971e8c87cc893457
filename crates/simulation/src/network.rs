use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use calls::{CallError, Transport};
use http::{Request, StatusCode};
use tokio_util::sync::CancellationToken;
use tower::util::ServiceExt;

use crate::World;
use crate::process::Running;
use crate::world::lock;

/// Longer than any caller waits.
const FOR_EVER: Duration = Duration::from_hours(1);

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// There is nobody to connect to: certainly nothing has happened.
    Unsent,
    /// The connection broke: anything may have happened.
    Broken,
}

impl World {
    /// A request to one of the replicas of a context, from a process or from outside.
    pub async fn call(&self, from: &str, to: &str, request: Request<Body>) -> Result<Answer, NoAnswer> {
        self.pass_time().await;
        let risks = self.risks();
        if self.away().is_link(from, to) || self.befalls(risks.request_lost) {
            tokio::time::sleep(FOR_EVER).await;
        }
        let (running, router) = self.replica(to).ok_or(NoAnswer::Unsent)?;
        // Whoever hangs up takes the request with it, as hyper does.
        let hung_up = CancellationToken::new();
        let _hangs_up = hung_up.clone().drop_guard();
        let served = running.host.see_through(hung_up.run_until_cancelled_owned(serve(router, request)));
        let answer = served.await.flatten().filter(|_| !running.killed.is_cancelled()).ok_or(NoAnswer::Broken)?;
        self.pass_time().await;
        if self.away().is_link(from, to) || self.befalls(risks.answer_lost) {
            tokio::time::sleep(FOR_EVER).await;
        }
        Ok(answer)
    }

    fn replica(&self, context: &str) -> Option<(Arc<Running>, Router)> {
        let processes = self.processes();
        let serving = processes.values().filter(|running| running.context == context);
        let serving: Vec<_> =
            serving.filter_map(|running| Some((Arc::clone(running), lock(&running.router).clone()?))).collect();
        drop(processes);
        serving.get(self.draw(|chance| chance.usize(0..serving.len().max(1)))).cloned()
    }

    /// The way of a process to a context, for the settings of its guarded call.
    pub fn transport(self: &Arc<Self>, from: &str, to: &'static str) -> Transport {
        let (world, from) = (Arc::clone(self), from.to_owned());
        Transport::new(tower::service_fn(move |request: reqwest::Request| {
            let (world, from) = (Arc::clone(&world), from.clone());
            async move {
                match world.call(&from, to, plain(&request)?).await {
                    Ok(Answer { status, body }) => {
                        let answer = calls::Answer { status, body: body.into() };
                        if status.is_server_error() { Err(CallError::Failed(answer)) } else { Ok(answer) }
                    }
                    Err(NoAnswer::Unsent) => Err(CallError::Unsent("nobody is there".to_owned())),
                    Err(NoAnswer::Broken) => Err(CallError::Broken("the connection broke".to_owned())),
                }
            }
        }))
    }
}

async fn serve(router: Router, request: Request<Body>) -> Answer {
    let response: Result<Response, Infallible> = router.oneshot(request).await;
    let Ok(response) = response;
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap_or_default();
    Answer { status, body: body.to_vec() }
}

/// The request as a server sees it.
fn plain(request: &reqwest::Request) -> Result<Request<Body>, CallError> {
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default().to_vec();
    let mut plain = Request::new(Body::from(body));
    *plain.method_mut() = request.method().clone();
    let uri = request.url().path().parse();
    *plain.uri_mut() = uri.map_err(|error: http::uri::InvalidUri| CallError::Unsent(error.to_string()))?;
    *plain.headers_mut() = request.headers().clone();
    Ok(plain)
}
