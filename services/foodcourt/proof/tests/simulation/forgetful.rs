use calls::{CallError, CallResponse, Transport};
use http::{Method, StatusCode};
use reqwest::{Request, Url};
use tower::{ServiceExt as _, service_fn};

/// A mutation: the kitchen agrees to the cancellation of an order that it has not received, and stores nothing.
pub fn forgetful(kitchen: Transport) -> Transport {
    Transport::new(service_fn(move |request| forget(request, kitchen.clone())))
}

async fn forget(request: Request, kitchen: Transport) -> Result<CallResponse, CallError> {
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(state) = state_of(request.url(), &body["orderId"]) {
        let found = kitchen.clone().oneshot(Request::new(Method::GET, state)).await?;
        if found.status == StatusCode::NOT_FOUND {
            return Ok(CallResponse { status: StatusCode::OK, body: body.to_string().into() });
        }
    }
    kitchen.oneshot(request).await
}

/// Where the kitchen has the state of an order.
fn state_of(url: &Url, order_id: &serde_json::Value) -> Option<Url> {
    url.join(&format!("/cook/cookStatusCheck?orderId={order_id}")).ok()
}
