//! The rate at which concurrent clients repeat an operation.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::time::Instant;

/// Operations per second of so many clients, each one operation after another. The first failure ends all.
pub async fn rate<C>(
    clients: u32,
    duration: Duration,
    client: impl Fn() -> C,
    operation: impl AsyncFn(&mut C) -> Result<()>,
) -> Result<f64> {
    let completed = AtomicU32::new(0);
    let began = Instant::now();
    let repeat = async || -> Result<()> {
        let mut client = client();
        while began.elapsed() < duration {
            operation(&mut client).await?;
            completed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    try_join_all((0..clients).map(|_| repeat())).await?;
    Ok(f64::from(completed.into_inner()) / began.elapsed().as_secs_f64())
}
