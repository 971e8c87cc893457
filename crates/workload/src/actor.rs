use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;

use crate::{Call, Clients, Response};

/// An actor of a fleet, such as a customer.
pub struct Actor {
    /// The clients that send its requests.
    pub clients: Arc<dyn Clients>,
    /// Its number, from 1.
    pub number: i64,
    /// Its random decisions.
    pub random: Rng,
}

impl Actor {
    /// Sends a request, and records the operation with the status of its response.
    pub async fn operate(&self, call: Call, operation: audit::Operation) -> Option<Response> {
        let response = self.clients.send(call).await;
        self.clients.record(audit::Operation { status: response.as_ref().map(|it| it.status), ..operation });
        response
    }

    /// A random decision.
    pub fn chance(&mut self, share: f64) -> bool {
        self.random.f64() < share
    }

    /// Waits for a random time up to this one.
    pub async fn pause(&mut self, longest: Duration) {
        sleep(longest.mul_f64(self.random.f64())).await;
    }
}
