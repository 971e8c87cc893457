use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::sleep;

use crate::sqlite::driver;
use crate::{Mutation, World};

/// How long tasks may take to end after the run.
const SHUTDOWN_TIME: Duration = Duration::from_secs(1);

/// Runs `scenario` in a new world, in which everything that could differ between two runs comes from the seed.
///
/// # Errors
///
/// If the folder of the stores or the runtime cannot be created; and those of `scenario`.
pub fn simulate<T>(
    seed: u64,
    mutation: Option<Mutation>,
    scenario: impl AsyncFnOnce(Arc<World>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    driver::install();
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
    LocalSet::new().block_on(&runtime, async {
        let world = World::create(seed, mutation)?;
        let outcome = scenario(Arc::clone(&world)).await;
        world.kill_all();
        sleep(SHUTDOWN_TIME).await;
        world.remove();
        outcome
    })
}
