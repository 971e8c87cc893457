use sqlx::migrate::MigrateError;
use thiserror::Error;

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The URL is neither of the two kinds.
    #[error("STORE_URL must begin with postgres:// or sqlite:, not with {0:?}")]
    Url(String),
    /// Contradictory settings, or an unreadable file.
    #[error("{0}")]
    Setting(String),
    /// The folder of a `SQLite` file cannot be created or written.
    #[error("the store's folder {0} cannot be written: {1}")]
    Folder(String, std::io::Error),
    /// A newer version of the program has migrated the store.
    #[error("the store was written by a newer version of this program (its schema has step {0}, unknown here)")]
    Newer(i64),
    /// A migration fails, or was changed after it was applied.
    #[error("the store's schema cannot be brought up to date: {0}")]
    Migrate(MigrateError),
    /// The store does not respond, or rejects the connection.
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

/// Whether the same statement may succeed later: the store is unavailable, busy or full, or two transactions
/// conflicted.
///
/// Other errors are caused by the statement or its data: a retry cannot help.
pub fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        // The settings were checked at the start, so this is a certificate that is being replaced.
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

/// `PostgreSQL` has codes of five characters, the first two being the class
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>), `SQLite` numbers with the primary code in the
/// low byte (<https://www.sqlite.org/rescode.html>).
fn is_transient_code(code: &str) -> bool {
    if code.len() == 5 {
        // A password change, a revoked right, a database being restored: not caused by the data.
        if code.starts_with("28") || code == "3D000" || code == "42501" {
            return true;
        }
        // Connection, transaction state (a standby is read-only), rollback (deadlock), resources, prerequisite state,
        // operator intervention, system.
        return matches!(code.get(..2), Some("08" | "25" | "40" | "53" | "55" | "57" | "58"));
    }
    // PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, SCHEMA, AUTH, NOTADB:
    // caused by the file, not by the data.
    let is_the_file = |code: u32| matches!(code & 0xff, 3 | 5..=11 | 13..=15 | 17 | 23 | 26);
    code.parse().is_ok_and(is_the_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_or_absent_store_is_worth_a_retry_and_bad_data_is_not() {
        for code in ["08006", "25006", "40P01", "40001", "53300", "57P01", "28P01", "28000", "3D000", "42501"] {
            assert!(is_transient_code(code), "{code}");
        }
        for code in ["5", "6", "8", "261", "10", "11", "13", "26", "1032"] {
            assert!(is_transient_code(code), "{code}");
        }
        // U+0000, too long, out of range, not an integer, too long for an index; each constraint; no such column.
        for code in ["22021", "22001", "22003", "22P02", "54000", "23502", "23503", "23505", "23514", "42601", "42703"]
        {
            assert!(!is_transient_code(code), "{code}");
        }
        for code in ["1", "18", "19", "275", "787", "2067", "20", "25"] {
            assert!(!is_transient_code(code), "{code}");
        }
        assert!(is_transient(&sqlx::Error::PoolTimedOut));
        assert!(!is_transient(&sqlx::Error::RowNotFound));
    }
}
