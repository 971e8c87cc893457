//! The tests of a store, for each kind of store.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod full;
mod keys;
mod leading;
mod opening;
mod tables;
mod waking;

use store::Migrations;
use store::sqlx::SqlSafeStr;
use store::sqlx::migrate::{Migration, MigrationType, Migrator};

/// Migrations, each with its version.
fn steps(steps: &[(i64, &'static str)]) -> Migrations {
    let step = |(number, sql): &(i64, &'static str)| {
        Migration::new(*number, "a step".into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrations::portable(Box::leak(Box::new(Migrator::with_migrations(steps.iter().map(step).collect()))))
}
