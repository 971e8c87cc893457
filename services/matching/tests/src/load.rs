use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use testkit::eventually;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::{LATER, Outcome, Outcomes, People};

/// The pause after a lost connection, so that a fleet that is down is not flooded.
const PAUSE: Duration = Duration::from_millis(20);

/// Students who request matches at the same time, each one after the other.
pub struct Load {
    next: Arc<AtomicI64>,
    answered: Arc<AtomicI64>,
    enough: Arc<AtomicBool>,
    students: JoinSet<Outcomes>,
}

impl Load {
    /// `students` begin to request matches with these ids, until all are requested or [`Load::end`].
    pub fn begin(people: &People, students: usize, ids: RangeInclusive<i64>) -> Self {
        let (next, answered) = (Arc::new(AtomicI64::new(*ids.start())), Arc::new(AtomicI64::new(0)));
        let enough = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..students {
            let (people, last) = (people.clone(), *ids.end());
            let (next, answered, enough) = (Arc::clone(&next), Arc::clone(&answered), Arc::clone(&enough));
            tasks.spawn(async move {
                let mut outcomes = Outcomes::new();
                while !enough.load(Ordering::Relaxed) {
                    let id = next.fetch_add(1, Ordering::Relaxed);
                    if id > last {
                        break;
                    }
                    let outcome = Outcome::of(&people.request(id).await);
                    outcomes.insert(id, outcome);
                    match outcome {
                        Outcome::Unknown => sleep(PAUSE).await,
                        _ => drop(answered.fetch_add(1, Ordering::Relaxed)),
                    }
                }
                outcomes
            });
        }
        Self { next, answered, enough, students: tasks }
    }

    /// Waits for so many more responses.
    pub async fn goes_on(&self, more: i64) -> Result<()> {
        let goal = self.answered.load(Ordering::Relaxed) + more;
        eventually(LATER, "requests are answered", async || {
            let answered = self.answered.load(Ordering::Relaxed);
            ensure!(answered >= goal, "{answered} of {goal}, {} begun", self.next.load(Ordering::Relaxed));
            Ok(())
        })
        .await
    }

    /// No further match is requested. Waits for the last responses.
    pub async fn end(self) -> Result<Outcomes> {
        self.enough.store(true, Ordering::Relaxed);
        self.all().await
    }

    /// Waits until all ids are requested.
    pub async fn all(mut self) -> Result<Outcomes> {
        let mut all = Outcomes::new();
        while let Some(outcomes) = self.students.join_next().await {
            all.extend(outcomes?);
        }
        Ok(all)
    }
}

/// The ids of the requests that have established a match, in their order.
pub fn established(outcomes: &Outcomes) -> Result<Vec<i64>> {
    let others = not_established(outcomes)?;
    Ok(outcomes.keys().copied().filter(|id| !others.contains(id)).collect())
}

/// Requests all these matches; all must be established. A request that is answered 503 is repeated.
pub async fn request_all(people: &People, students: usize, ids: RangeInclusive<i64>) -> Result<Outcomes> {
    let mut outcomes = Load::begin(people, students, ids).all().await?;
    for id in not_established(&outcomes)? {
        eventually(LATER, "it is established", async || {
            let answer = people.request(id).await?;
            ensure!(matches!(answer.status, 200 | 201), "{id}: {}", answer.body);
            Ok(())
        })
        .await?;
        outcomes.insert(id, Outcome::Established);
    }
    Ok(outcomes)
}

/// The ids of the other requests. On a busy machine a payment can take longer than its time limit: one request in a hundred may be
/// answered 503.
fn not_established(outcomes: &Outcomes) -> Result<Vec<i64>> {
    let others = outcomes.iter().filter(|(_, outcome)| **outcome != Outcome::Established);
    let ids: Vec<i64> = others.map(|(id, _)| *id).collect();
    ensure!(ids.len() <= (outcomes.len() / 100).max(3), "{} were answered 503: {ids:?}", ids.len());
    Ok(ids)
}
