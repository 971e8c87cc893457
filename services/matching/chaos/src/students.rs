//! Students: each asks for a match, again if there was no answer, and does with it what students do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use testkit::Answer;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::asked::Asked;
use crate::clients::Clients;
use crate::pace::Pace;

/// How often it is looked how many students are due.
const TICK: Duration = Duration::from_millis(50);

/// So often a student asks at most if there is no match yet.
const ATTEMPTS: u32 = 4;

/// What the service says with a 503, and what whoever got no answer waits.
const COME_BACK: Duration = Duration::from_secs(1);

/// Most views have heard of a match within this, and some have not.
const HEARD: Duration = Duration::from_secs(2);

/// A student thinks about a cancellation for no longer.
const THINKS: Duration = Duration::from_secs(8);

/// How many students wait for their match, and how many have it.
#[derive(Debug, Default)]
struct Tally {
    asking: AtomicU64,
    established: AtomicU64,
}

/// Sends students at a steady pace until it is over, and waits for the last one's end.
pub async fn come(clients: Arc<Clients>, pace: Pace, seed: u64, over: CancellationToken) {
    let (tally, mut students, mut id) = (Arc::new(Tally::default()), JoinSet::new(), 0_i64);
    let (began, mut ticks, mut last) = (Instant::now(), interval(TICK), Instant::now());
    while !over.is_cancelled() {
        ticks.tick().await;
        let (established, asking) = (tally.established.load(Ordering::Relaxed), tally.asking.load(Ordering::Relaxed));
        for _ in 0..pace.due(began.elapsed(), last.elapsed(), established, asking) {
            id += 1;
            tally.asking.fetch_add(1, Ordering::Relaxed);
            let student = Student { clients: Arc::clone(&clients), random: Rng::with_seed(seed ^ id.unsigned_abs()) };
            students.spawn(student.lives(id, Arc::clone(&tally), over.clone()));
        }
        last = Instant::now();
        while students.try_join_next().is_some() {}
    }
    while students.join_next().await.is_some() {}
}

/// One student, with whatever a student decides by chance.
struct Student {
    clients: Arc<Clients>,
    random: Rng,
}

impl Student {
    async fn lives(mut self, number: i64, tally: Arc<Tally>, over: CancellationToken) {
        let price = self.random.i64(1..=100_000);
        let id = if self.by_chance(0.2) {
            self.asks_without_an_id(number, price).await
        } else {
            self.asks(number, price).await.then_some(number)
        };
        tally.asking.fetch_sub(1, Ordering::Relaxed);
        if let Some(id) = id {
            tally.established.fetch_add(1, Ordering::Relaxed);
            self.has_a_match(id, price, over).await;
        }
    }

    /// Whether there is a match in the end.
    async fn asks(&mut self, id: i64, price: i64) -> bool {
        for _ in 0..self.random.u32(1..=ATTEMPTS) {
            let answer = self.clients.request(Asked::Request, id, price).await;
            if established(answer.as_ref()) {
                return true;
            }
            self.waits().await;
        }
        false
    }

    /// Asks under a key: whatever gets lost, it is one match. Its id, if there is one.
    async fn asks_without_an_id(&mut self, number: i64, price: i64) -> Option<i64> {
        let key = format!("student {number}");
        for _ in 0..ATTEMPTS {
            let answer = self.clients.request_new(Asked::Request, &key, price).await;
            if established(answer.as_ref()) {
                let id = answer?.body["id"].as_i64()?;
                if self.by_chance(0.2) {
                    self.asks_under_the_same_key(&key, id, price).await;
                }
                return Some(id);
            }
            self.waits().await;
        }
        None
    }

    async fn asks_under_the_same_key(&self, key: &str, id: i64, price: i64) {
        let Some(again) = self.clients.request_new(Asked::Again, key, price).await else { return };
        if again.status == 200 && again.body["id"] != id {
            self.clients.contradiction(format!("the key {key:?} stood for match {id}, and then for {}", again.body));
        }
    }

    async fn has_a_match(&mut self, id: i64, price: i64, over: CancellationToken) {
        if self.by_chance(0.1) {
            self.clients.request(Asked::Again, id, price).await;
        }
        if self.by_chance(0.05) {
            self.clients.request(Asked::OtherPrice, id, price + 1).await;
        }
        if self.by_chance(0.3) {
            self.reads(id, price).await;
        }
        if self.by_chance(0.02) {
            over.run_until_cancelled(self.watches(id)).await;
        }
        if self.by_chance(0.25) {
            let thinks = THINKS.mul_f64(self.random.f64());
            over.run_until_cancelled(sleep(thinks)).await;
            self.cancels(id).await;
        }
    }

    async fn reads(&mut self, id: i64, price: i64) {
        let (own, views) = (["/matches", "/payments"], ["/visits", "/myPages"]);
        let (asked, paths) = if self.random.bool() { (Asked::Own, own) } else { (Asked::View, views) };
        let path = paths[self.random.usize(..paths.len())];
        if asked == Asked::View {
            sleep(HEARD.mul_f64(self.random.f64())).await;
        }
        let Some(answer) = self.clients.read(asked, &format!("{path}/{id}")).await else { return };
        if asked == Asked::Own && answer.status == 200 && answer.body["price"] != price {
            self.clients.contradiction(format!("{path}/{id} was to cost {price}, but is {}", answer.body));
        }
    }

    async fn watches(&mut self, id: i64) {
        sleep(HEARD.mul_f64(self.random.f64())).await;
        self.clients.watch(id, THINKS.mul_f64(self.random.f64())).await;
    }

    async fn cancels(&mut self, id: i64) {
        if self.by_chance(0.2) {
            tokio::join!(self.clients.assign(Asked::AssignUnlisted, id), self.clients.cancel(id));
        } else {
            self.clients.cancel(id).await;
        }
        if self.by_chance(0.2) {
            self.clients.cancel(id).await;
        }
    }

    async fn waits(&mut self) {
        sleep(COME_BACK + COME_BACK.mul_f64(self.random.f64())).await;
    }

    fn by_chance(&mut self, share: f64) -> bool {
        self.random.f64() < share
    }
}

fn established(answer: Option<&Answer>) -> bool {
    answer.is_some_and(|answer| matches!(answer.status, 200 | 201))
}
