use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use calls::{CallError, CallResponse, Transport};
use reqwest::Request;
use tower::{ServiceExt as _, service_fn};

/// A mutation: the number of a refund is ignored. Delivery receives each refund of an order with the number of the first one,
/// so it takes a second refund for the repetition of a cancelled one.
#[derive(Clone, Default)]
pub struct NumberIgnored(Arc<Mutex<BTreeMap<i64, i64>>>);

impl NumberIgnored {
    /// The transport to delivery, with one number per order.
    pub fn around(&self, delivery: Transport) -> Transport {
        let numbers = self.clone();
        Transport::new(service_fn(move |request| numbers.clone().send(request, delivery.clone())))
    }

    async fn send(self, mut request: Request, delivery: Transport) -> Result<CallResponse, CallError> {
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        if let Ok(mut refund) = serde_json::from_slice::<serde_json::Value>(body)
            && let (Some(order), Some(number)) = (refund["orderId"].as_i64(), refund["refund"].as_i64())
        {
            let first = *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(order).or_insert(number);
            refund["refund"] = first.into();
            *request.body_mut() = Some(refund.to_string().into());
        }
        delivery.oneshot(request).await
    }
}
