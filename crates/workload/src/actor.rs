use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{Call, Clients, Operation, Response};

/// An actor of a fleet, such as a customer.
pub struct Actor {
    /// The clients that send its requests.
    pub clients: Arc<dyn Clients>,
    /// Its number, from 1.
    pub number: i64,
    /// Its random decisions.
    pub random: Rng,
    /// Cancelled when the load is over. From then on its pauses take no time, and it should begin nothing new.
    pub over: CancellationToken,
}

impl Actor {
    /// Another actor of the same load, with random decisions that follow from those of this one.
    #[must_use]
    pub fn companion(&mut self, number: i64) -> Self {
        let random = Rng::with_seed(self.random.u64(..));
        Self { clients: Arc::clone(&self.clients), number, random, over: self.over.clone() }
    }

    /// Sends a request, and records the operation with the status of its response.
    pub async fn operate(&self, call: Call, operation: audit::Operation) -> Option<Response> {
        let response = self.clients.send(call).await;
        self.clients.record(audit::Operation { status: response.as_ref().map(|it| it.status), ..operation });
        response
    }

    /// Holds a live stream open for a random time up to this one, or until the load is over.
    pub async fn watch(&mut self, operation: Operation, path: &str, longest: Duration) {
        let span = longest.mul_f64(self.random.f64());
        self.over.run_until_cancelled(self.clients.watch(operation, path, span)).await;
    }

    /// A random decision.
    pub fn chance(&mut self, share: f64) -> bool {
        self.random.f64() < share
    }

    /// Waits for a random time up to this one, or until the load is over.
    pub async fn pause(&mut self, longest: Duration) {
        let span = longest.mul_f64(self.random.f64());
        self.over.run_until_cancelled(sleep(span)).await;
    }
}
