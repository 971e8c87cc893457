use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use calls::{CallError, CallResponse, Transport};
use http::StatusCode;
use reqwest::Request;
use tower::{ServiceExt as _, service_fn};

/// A mutation: the cancellation of a payment is delayed until its room is released.
#[derive(Clone, Default)]
pub struct WrongOrder(Arc<Mutex<Vec<Request>>>);

impl WrongOrder {
    /// The transports to storage and payment, with compensations in the wrong order.
    pub fn around(&self, [storage, payment]: [Transport; 2]) -> [Transport; 2] {
        let (one, other, later) = (self.clone(), self.clone(), payment.clone());
        let release = service_fn(move |request| one.clone().release(request, storage.clone(), later.clone()));
        let cancel = service_fn(move |request| other.clone().cancel(request, payment.clone()));
        [Transport::new(release), Transport::new(cancel)]
    }

    /// Confirms a cancellation that it only stores.
    async fn cancel(self, request: Request, payment: Transport) -> Result<CallResponse, CallError> {
        if request.url().path() != "/cancellations" {
            return payment.oneshot(request).await;
        }
        self.delayed().push(request);
        Ok(CallResponse { status: StatusCode::OK, body: Bytes::from_static(b"{}") })
    }

    /// Releases a room, and then sends the cancellations.
    async fn release(
        self,
        request: Request,
        storage: Transport,
        payment: Transport,
    ) -> Result<CallResponse, CallError> {
        let is_release = request.url().path() == "/releases";
        let answer = storage.oneshot(request).await?;
        let delayed = if is_release { std::mem::take(&mut *self.delayed()) } else { Vec::new() };
        for cancellation in delayed {
            payment.clone().oneshot(cancellation).await?;
        }
        Ok(answer)
    }

    fn delayed(&self) -> MutexGuard<'_, Vec<Request>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
