use std::time::Duration;

use chassis::problem::Problem;
use sqlx::migrate::MigrateError;
use thiserror::Error;

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The URL names neither of the two kinds.
    #[error("STORE_URL must begin with postgres:// or sqlite:, not with {0:?}")]
    Url(String),
    /// Settings that do not fit together, or a file that cannot be read.
    #[error("{0}")]
    Setting(String),
    /// The folder of a `SQLite` file cannot be made or written.
    #[error("the store's folder {0} cannot be written: {1}")]
    Folder(String, std::io::Error),
    /// A later version of the program has been here.
    #[error("the store was written by a newer version of this program (its schema has step {0}, unknown here)")]
    Newer(i64),
    /// A migration that was applied has been changed since, or fails.
    #[error("the store's schema cannot be brought up to date: {0}")]
    Migrate(MigrateError),
    /// It does not answer, or refuses.
    #[error("the store cannot be reached: {0}")]
    Unavailable(sqlx::Error),
}

impl From<MigrateError> for OpenError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(step) | MigrateError::VersionTooNew(step, _) => Self::Newer(step),
            MigrateError::Execute(error) if is_transient(&error) => Self::Unavailable(error),
            other => Self::Migrate(other),
        }
    }
}

/// What a client is told when the store fails a request: come back soon, or nothing but that it is our fault.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub fn problem(error: sqlx::Error) -> Problem {
    if is_transient(&error) {
        tracing::warn!(%error, "the store is away");
        return Problem::unavailable("the store does not answer", Duration::from_secs(1));
    }
    tracing::error!(%error, "the store failed");
    Problem::internal()
}

/// Whether the same statement may succeed a little later: the store is away, busy or full, or two transactions met.
///
/// What is not transient lies with the statement or its data, and no retry heals it.
pub fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        // What connections are made of was checked at the start: a certificate is being replaced.
        | sqlx::Error::Configuration(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        | sqlx::Error::InvalidSavePointStatement => true,
        sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| is_transient_code(&code)),
        _ => false,
    }
}

/// `PostgreSQL` says five characters whose first two are the class
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>), `SQLite` a number whose low byte is the primary
/// code (<https://www.sqlite.org/rescode.html>).
fn is_transient_code(code: &str) -> bool {
    if code.len() == 5 {
        // A password that is being changed, or a database that is being restored: no event is to blame for that.
        if code.starts_with("28") || code == "3D000" {
            return true;
        }
        // Connection, rollback (deadlock), resources, not in the state needed, operator intervention, system.
        return matches!(&code[..2], "08" | "40" | "53" | "55" | "57" | "58");
    }
    // BUSY, LOCKED, IOERR, FULL, CANTOPEN, PROTOCOL.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14 | 15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_or_absent_store_is_worth_a_retry_and_bad_data_is_not() {
        for code in
            ["08006", "40P01", "40001", "53300", "57P01", "5", "6", "261", "10", "13", "28P01", "28000", "3D000"]
        {
            assert!(is_transient_code(code), "{code}");
        }
        for code in ["22021", "23505", "42601", "1", "19", "2067", "20"] {
            assert!(!is_transient_code(code), "{code}");
        }
        assert!(is_transient(&sqlx::Error::PoolTimedOut));
        assert!(!is_transient(&sqlx::Error::RowNotFound));
    }
}
