use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use testkit::eventually;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::{LATER, Outcome, People};

/// What students were told, by match id.
pub type Told = BTreeMap<i64, Outcome>;

/// A student who lost the connection takes a breath, so that a fleet that is down is not asked without end.
const BREATH: Duration = Duration::from_millis(20);

/// Students who ask for matches at the same time, each for one after the other.
pub struct Load {
    next: Arc<AtomicI64>,
    answered: Arc<AtomicI64>,
    enough: Arc<AtomicBool>,
    students: JoinSet<Told>,
}

impl Load {
    /// `students` begin to ask for matches with these ids, until all are asked for or [`Load::end`].
    pub fn begin(people: &People, students: usize, ids: RangeInclusive<i64>) -> Self {
        let (next, answered) = (Arc::new(AtomicI64::new(*ids.start())), Arc::new(AtomicI64::new(0)));
        let enough = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..students {
            let (people, last) = (people.clone(), *ids.end());
            let (next, answered, enough) = (Arc::clone(&next), Arc::clone(&answered), Arc::clone(&enough));
            tasks.spawn(async move {
                let mut told = Told::new();
                while !enough.load(Ordering::Relaxed) {
                    let id = next.fetch_add(1, Ordering::Relaxed);
                    if id > last {
                        break;
                    }
                    let outcome = Outcome::of(&people.request(id).await);
                    told.insert(id, outcome);
                    match outcome {
                        Outcome::Unknown => sleep(BREATH).await,
                        _ => drop(answered.fetch_add(1, Ordering::Relaxed)),
                    }
                }
                told
            });
        }
        Self { next, answered, enough, students: tasks }
    }

    /// Waits until so many more requests have been answered than now.
    pub async fn goes_on(&self, more: i64) -> Result<()> {
        let goal = self.answered.load(Ordering::Relaxed) + more;
        eventually(LATER, "requests are answered", async || {
            let answered = self.answered.load(Ordering::Relaxed);
            ensure!(answered >= goal, "{answered} of {goal}, {} begun", self.next.load(Ordering::Relaxed));
            Ok(())
        })
        .await
    }

    /// Nobody asks for another one; waits for the last answers.
    pub async fn end(self) -> Result<Told> {
        self.enough.store(true, Ordering::Relaxed);
        self.all().await
    }

    /// Waits until all ids have been asked for.
    pub async fn all(mut self) -> Result<Told> {
        let mut all = Told::new();
        while let Some(told) = self.students.join_next().await {
            all.extend(told?);
        }
        Ok(all)
    }
}

/// Asks for all these matches; all must be established. A student who is told to come back does so: on a busy machine a
/// payment can take longer than its time limit. That may happen to one in a hundred.
pub async fn request_all(people: &People, students: usize, ids: RangeInclusive<i64>) -> Result<Told> {
    let mut told = Load::begin(people, students, ids).all().await?;
    let again = told.iter_mut().filter(|(_, outcome)| **outcome != Outcome::Established);
    let again: Vec<(&i64, &mut Outcome)> = again.collect();
    let ids: Vec<i64> = again.iter().map(|(id, _)| **id).collect();
    for (id, outcome) in again {
        eventually(LATER, "it is established", async || {
            let answer = people.request(*id).await?;
            ensure!(matches!(answer.status, 200 | 201), "{id}: {}", answer.body);
            Ok(())
        })
        .await?;
        *outcome = Outcome::Established;
    }
    ensure!(ids.len() <= (told.len() / 100).max(3), "{} were told to come back: {ids:?}", ids.len());
    Ok(told)
}
