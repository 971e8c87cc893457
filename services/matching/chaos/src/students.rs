//! A student requests a match, repeats the request without a response, and then works with the match.

use std::time::Duration;

use chaos::{Arrival, Clients};
use testkit::ApiResponse;
use tokio::time::sleep;

use crate::operations::{
    ASSIGN_UNLISTED, READ_OWN, READ_VIEW, REQUEST_AGAIN, REQUEST_NEW, REQUEST_OTHER_PRICE, WATCH, assign, cancel, read,
    request, request_with_key,
};

/// The maximum number of requests until a match is established.
const ATTEMPTS: u32 = 4;

/// The `Retry-After` of the service, and the pause without a response.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Most views have consumed the events of a match within this time.
const VIEW_DELAY: Duration = Duration::from_secs(2);

/// The longest time until a student cancels.
const THINK_TIME: Duration = Duration::from_secs(8);

/// One student.
pub async fn student(mut arrival: Arrival) {
    let price = arrival.random.i64(1..=100_000);
    let id = if arrival.chance(0.2) {
        request_without_id(&mut arrival, price).await
    } else {
        let id = arrival.number;
        request_until_established(&mut arrival, id, price).await.then_some(id)
    };
    arrival.decide(id.is_some());
    if let Some(id) = id {
        Student { arrival, id, price }.works_with_the_match().await;
    }
}

/// Whether the match is established in the end.
async fn request_until_established(arrival: &mut Arrival, id: i64, price: i64) -> bool {
    for _ in 0..arrival.random.u32(1..=ATTEMPTS) {
        if is_established(request(&arrival.load.clients, REQUEST_NEW, id, price).await.as_ref()) {
            return true;
        }
        pause(arrival).await;
    }
    false
}

/// Every request with the same key is the same match. Returns its id, if it is established.
async fn request_without_id(arrival: &mut Arrival, price: i64) -> Option<i64> {
    let key = format!("student-{}", arrival.number);
    for _ in 0..ATTEMPTS {
        let response = request_with_key(&arrival.load.clients, REQUEST_NEW, &key, price).await;
        if is_established(response.as_ref()) {
            let id = response?.body["id"].as_i64()?;
            if arrival.chance(0.2) {
                repeat_key(&arrival.load.clients, &key, id, price).await;
            }
            return Some(id);
        }
        pause(arrival).await;
    }
    None
}

async fn repeat_key(clients: &Clients, key: &str, id: i64, price: i64) {
    let Some(again) = request_with_key(clients, REQUEST_AGAIN, key, price).await else { return };
    if again.status == 200 && again.body["id"] != id {
        clients.contradiction(format!("the key {key:?} was match {id}, and then {}", again.body));
    }
}

async fn pause(arrival: &mut Arrival) {
    sleep(RETRY_AFTER + RETRY_AFTER.mul_f64(arrival.random.f64())).await;
}

fn is_established(response: Option<&ApiResponse>) -> bool {
    response.is_some_and(|response| matches!(response.status, 200 | 201))
}

/// A student with an established match.
struct Student {
    arrival: Arrival,
    id: i64,
    price: i64,
}

impl Student {
    async fn works_with_the_match(mut self) {
        let (id, price) = (self.id, self.price);
        if self.arrival.chance(0.1) {
            request(self.clients(), REQUEST_AGAIN, id, price).await;
        }
        if self.arrival.chance(0.05) {
            request(self.clients(), REQUEST_OTHER_PRICE, id, price + 1).await;
        }
        if self.arrival.chance(0.3) {
            self.reads().await;
        }
        let over = self.arrival.load.over.clone();
        if self.arrival.chance(0.02) {
            over.run_until_cancelled(self.watches()).await;
        }
        if self.arrival.chance(0.25) {
            let think_time = THINK_TIME.mul_f64(self.arrival.random.f64());
            over.run_until_cancelled(sleep(think_time)).await;
            self.cancels().await;
        }
    }

    async fn reads(&mut self) {
        let own = self.arrival.random.bool();
        let (operation, paths) =
            if own { (READ_OWN, ["/matches", "/payments"]) } else { (READ_VIEW, ["/visits", "/myPages"]) };
        let path = format!("{}/{}", paths[self.arrival.random.usize(..paths.len())], self.id);
        if !own {
            sleep(VIEW_DELAY.mul_f64(self.arrival.random.f64())).await;
        }
        let Some(response) = read(self.clients(), operation, &path).await else { return };
        if own && response.status == 200 && response.body["price"] != self.price {
            self.clients()
                .contradiction(format!("the price of {path} was {}, but it is {}", self.price, response.body));
        }
    }

    async fn watches(&mut self) {
        sleep(VIEW_DELAY.mul_f64(self.arrival.random.f64())).await;
        let span = THINK_TIME.mul_f64(self.arrival.random.f64());
        self.clients().watch(WATCH, &format!("/myPages/{}/events", self.id), span).await;
    }

    async fn cancels(&mut self) {
        let id = self.id;
        if self.arrival.chance(0.2) {
            tokio::join!(assign(self.clients(), ASSIGN_UNLISTED, id), cancel(self.clients(), id));
        } else {
            cancel(self.clients(), id).await;
        }
        if self.arrival.chance(0.2) {
            cancel(self.clients(), id).await;
        }
    }

    fn clients(&self) -> &Clients {
        &self.arrival.load.clients
    }
}
