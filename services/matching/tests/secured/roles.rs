//! What each context's role may do on the server: the scripts that make roles are run as they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use store::sqlx::{AnyConnection, AssertSqlSafe, Connection as _, raw_sql};

use crate::site::{Site, on_site};

const CONTEXTS: [&str; 4] = ["match", "visit", "payment", "mypage"];

/// Roles and databases of the contexts, whose names begin with a prefix: tests do not meet.
pub struct Roles {
    prefix: String,
    folder: PathBuf,
}

impl Roles {
    /// As `compose/databases` makes them.
    pub async fn make(site: &Site, prefix: &str) -> Result<Self> {
        let roles = Self::named(site, prefix).await?;
        let mut script = psql_for(site, Command::new("bash"))?;
        script.arg(workspace().join("compose/databases"));
        for context in CONTEXTS {
            script.env(format!("PASSWORD_OF_{}", roles.name(context)), roles.password(context)?);
        }
        run(&mut script)?;
        Ok(roles)
    }

    /// As the cluster makes them: from the Secrets of the contexts.
    async fn make_as_in_the_cluster(site: &Site, prefix: &str) -> Result<Self> {
        let roles = Self::named(site, prefix).await?;
        let stores = roles.folder.join("stores");
        fs::create_dir_all(&stores)?;
        for context in CONTEXTS {
            let (role, password) = (roles.name(context), roles.password(context)?);
            fs::write(stores.join(context), format!("postgres://{role}:{password}@postgres:5432/{role}"))?;
        }
        let mut script = psql_for(site, Command::new("bash"))?;
        run(script.arg(workspace().join("k8s/components/postgres/stores.sh")).env("STORES", &stores))?;
        Ok(roles)
    }

    /// With passwords, and nothing made yet.
    async fn named(site: &Site, prefix: &str) -> Result<Self> {
        let roles = Self { prefix: prefix.to_owned(), folder: PathBuf::from(site.file(&format!("roles-{prefix}"))) };
        // What a test that failed has left.
        roles.drop(site).await?;
        fs::create_dir_all(&roles.folder)?;
        for context in CONTEXTS {
            // A URL would have to escape none of it; it is told apart from every other.
            fs::write(roles.file(context), format!("{prefix}-{context}-{}\n", site.password("kafka")?))?;
        }
        Ok(roles)
    }

    pub fn name(&self, context: &str) -> String {
        format!("{}_{context}", self.prefix)
    }

    pub fn file(&self, context: &str) -> String {
        self.folder.join(format!("{context}.password")).display().to_string()
    }

    pub fn password(&self, context: &str) -> Result<String> {
        Ok(fs::read_to_string(self.file(context))?.trim().to_owned())
    }

    pub async fn drop(&self, site: &Site) -> Result<()> {
        for context in CONTEXTS {
            let name = self.name(context);
            told(&site.superuser, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
            told(&site.superuser, &format!("DROP ROLE IF EXISTS {name}")).await?;
        }
        Ok(())
    }

    /// A URL with which a context comes to a database.
    fn url(&self, site: &Site, context: &str, database: &str) -> Result<String> {
        let (role, password, ca) = (self.name(context), self.password(context)?, site.file("ca.pem"));
        let server = site.postgres();
        Ok(format!("postgres://{role}:{password}@{server}/{database}?sslmode=verify-full&sslrootcert={ca}"))
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// A script that calls psql as the superuser.
fn psql_for(site: &Site, mut script: Command) -> Result<Command> {
    let (host, port) =
        site.postgres().split_once(':').map(|(h, p)| (h.to_owned(), p.to_owned())).context("host:port")?;
    script
        .env("PGHOST", host)
        .env("PGPORT", port)
        .env("PGUSER", "postgres")
        .env("PGPASSWORD", site.password("postgres")?);
    script.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", site.file("ca.pem"));
    Ok(script)
}

fn run(script: &mut Command) -> Result<()> {
    let ended = script.output()?;
    ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    Ok(())
}

/// Carries out a statement where a URL leads.
pub async fn told(url: &str, sql: &str) -> Result<()> {
    store::install_drivers();
    let mut connection = AnyConnection::connect(url).await?;
    raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

async fn refusal(url: &str, sql: &str) -> Result<String> {
    match told(url, sql).await {
        Ok(()) => anyhow::bail!("nothing refused {sql}"),
        Err(error) => Ok(format!("{error:#}")),
    }
}

async fn each_reaches_its_own_alone(site: &Site, roles: &Roles) -> Result<()> {
    for context in CONTEXTS {
        let own = roles.name(context);
        let url = roles.url(site, context, &own)?;
        told(&url, "CREATE TABLE IF NOT EXISTS kept (id BIGINT); INSERT INTO kept VALUES (1)").await?;
        let others = CONTEXTS.iter().filter(|other| **other != context).map(|other| roles.name(other));
        for other in others.chain(["postgres".to_owned(), "template1".to_owned()]) {
            let refused = refusal(&roles.url(site, context, &other)?, "SELECT 1").await;
            let refused = refused.with_context(|| format!("{own} at {other}"))?;
            ensure!(refused.contains("permission denied for database"), "{own} at {other}: {refused}");
        }
        for sql in [
            "CREATE DATABASE more",
            "CREATE ROLE more",
            "ALTER ROLE postgres PASSWORD 'x'",
            "SELECT pg_read_file('PG_VERSION')",
            "COPY kept TO PROGRAM 'true'",
        ] {
            let refused = refusal(&url, sql).await.with_context(|| own.clone())?;
            ensure!(refused.contains("permission denied") || refused.contains("must be"), "{own}, {sql}: {refused}");
        }
    }
    Ok(())
}

#[test]
fn each_context_reaches_its_own_database_and_no_other() {
    on_site(async |site| {
        let roles = Roles::make(site, "compose").await?;
        each_reaches_its_own_alone(site, &roles).await?;
        roles.drop(site).await
    });
}

#[test]
fn in_the_cluster_too_each_context_reaches_its_own_database_and_no_other() {
    on_site(async |site| {
        // Undone, so that it is this script that does it.
        told(&site.superuser, "GRANT ALL ON DATABASE postgres, template1 TO PUBLIC").await?;
        let roles = Roles::make_as_in_the_cluster(site, "cluster").await?;
        each_reaches_its_own_alone(site, &roles).await?;
        roles.drop(site).await
    });
}
