//! The stores of a fleet, accessed by SQL.

use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context as _, Result};
use store::sqlx::any::install_default_drivers;
use store::sqlx::{AnyConnection, AssertSqlSafe, Connection as _, query_scalar, raw_sql};
use tokio::time::sleep;

use crate::fleet::parts::Servers;

/// The suffixes of the files of a `SQLite` database.
const SQLITE_FILES: [&str; 3] = ["", "-wal", "-shm"];

impl Servers {
    /// The URL of a database on the same server.
    pub(crate) fn database(&self, name: &str) -> String {
        let (base, settings) = self.postgres.split_once('?').map_or((&*self.postgres, None), |(b, s)| (b, Some(s)));
        let scheme = base.find("://").map_or(0, |at| at + 3);
        let server = base[scheme..].find('/').map_or(base, |at| &base[..scheme + at]);
        let settings = settings.map(|settings| format!("?{settings}")).unwrap_or_default();
        format!("{server}/{name}{settings}")
    }

    pub(crate) async fn create(&self, name: &str) -> Result<()> {
        store::create_database(&self.database(name)).await.with_context(|| format!("creating database {name}"))
    }

    /// Drops a database and disconnects its clients.
    pub(crate) async fn drop(&self, name: &str) -> Result<()> {
        install_default_drivers();
        let mut server = AnyConnection::connect(&self.postgres).await?;
        let sql = format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)");
        raw_sql(AssertSqlSafe(sql)).execute(&mut server).await?;
        Ok(server.close().await?)
    }
}

/// Removes the files of a `SQLite` database, except lock files.
pub(crate) fn remove_file(database: &Path) -> io::Result<()> {
    for ending in SQLITE_FILES {
        let mut file = database.as_os_str().to_owned();
        file.push(ending);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// A new connection to an existing store.
async fn connect(url: &str) -> Result<AnyConnection> {
    install_default_drivers();
    Ok(AnyConnection::connect(&store::driver_url(url)?).await?)
}

/// Executes a statement.
pub(crate) async fn alter(url: &str, sql: &str) -> Result<()> {
    let mut connection = connect(url).await?;
    raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Duration of a lock.
const LOCK_DURATION: Duration = Duration::from_millis(200);

/// Locks a `SQLite` file against writers for a moment.
pub(crate) async fn lock(url: &str) -> Result<()> {
    let mut connection = connect(url).await?;
    raw_sql("BEGIN EXCLUSIVE").execute(&mut connection).await?;
    sleep(LOCK_DURATION).await;
    raw_sql("ROLLBACK").execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// The result of a query that returns one number.
pub(crate) async fn number(url: &str, sql: &str) -> Result<i64> {
    let mut connection = connect(url).await?;
    let number = query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_beside_the_one_that_was_named() {
        let at = |url: &str| Servers { kafka: String::new(), postgres: url.to_owned() }.database("new");
        assert_eq!(at("postgres://me@host:5432/old"), "postgres://me@host:5432/new");
        assert_eq!(at("postgres://me@host/old?a=b"), "postgres://me@host/new?a=b");
        assert_eq!(at("postgres://host"), "postgres://host/new");
    }
}
