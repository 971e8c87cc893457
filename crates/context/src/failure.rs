use std::time::Duration;

use chassis::Host;
use chassis::problem::Problem;
use events::excerpt;
use store::{is_transient, sqlx};

/// When to repeat a request that found the store away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Executes a command to its end even if the client disconnects. A shutdown waits for it.
pub async fn run_to_completion<T: Send + 'static>(
    host: &Host,
    command: impl Future<Output = Result<T, sqlx::Error>> + Send + 'static,
) -> Result<T, Problem> {
    host.run_to_completion(command).await.ok_or_else(Problem::internal)?.map_err(store_problem)
}

/// The response to a request when the store fails: 503 for a transient error, else 500. Logs the error.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub fn store_problem(error: sqlx::Error) -> Problem {
    // The error may repeat the client's input.
    let reason = excerpt(&error.to_string());
    if is_transient(&error) {
        tracing::warn!(error = reason, "the store is away");
        return Problem::unavailable("the store is unavailable", RETRY_AFTER);
    }
    tracing::error!(error = reason, "the store failed");
    Problem::internal()
}
