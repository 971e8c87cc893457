//! Who is let in by PostgreSQL, and what becomes of a process that is not.

use std::fs;

use anyhow::{Result, ensure};
use matching_tests::SOON;
use testkit::{Fleet, eventually};

use crate::roles::{Roles, told};
use crate::site::{Site, on_fleet, refused};

/// Has match come to its store as itself; with a start that does not take long to give up.
async fn itself(site: &Site, fleet: &mut Fleet, prefix: &str) -> Result<Roles> {
    let roles = Roles::make(site, prefix).await?;
    let role = roles.name("match");
    fleet.set("match", "STORE_URL", format!("postgres://{role}@{}/{role}", site.postgres()))?;
    fleet.set("match", "STORE_PASSWORD_FILE", roles.file("match"))?;
    fleet.set("match", "STORE_CA_FILE", site.file("ca.pem"))?;
    fleet.set("match", "STORE_START_LIMIT", "1s")?;
    Ok(roles)
}

/// Starts match with settings that are refused: it is never ready, says why, and ends.
async fn is_refused(fleet: &mut Fleet, reasons: &[&str]) -> Result<()> {
    let said = fleet.log("match")?.len();
    fleet.begin("match")?;
    let api = fleet.api("match")?;
    let ended = eventually(SOON, "it ends", async || {
        let ready = api.get("/readyz").await.map(|answer| answer.status);
        ensure!(!matches!(ready, Ok(200)), "it is ready");
        let ended = fleet.ended();
        ensure!(!ended.is_empty(), "it runs");
        Ok(ended)
    })
    .await?;
    ensure!(ended[0].1.contains("exit status: 1"), "{ended:?}");
    let log = fleet.log("match")?.split_off(said);
    ensure!(reasons.iter().all(|reason| log.contains(reason)), "{reasons:?} are not said:\n{log}");
    Ok(())
}

#[test]
fn a_server_that_cannot_show_who_it_is_is_no_store_and_gets_no_password() {
    on_fleet(async |site: &Site, fleet| {
        let roles = itself(site, fleet, "server").await?;
        fleet.set("match", "STORE_CA_FILE", site.file("other-ca.pem"))?;
        is_refused(fleet, &["the store is unavailable yet", "invalid peer certificate: UnknownIssuer"]).await?;
        fleet.set("match", "STORE_CA_FILE", site.file("ca.pem"))?;
        let role = roles.name("match");
        let elsewhere = site.postgres().replace("localhost", "127.0.0.1");
        fleet.set("match", "STORE_URL", format!("postgres://{role}@{elsewhere}/{role}"))?;
        is_refused(fleet, &["invalid peer certificate", "not valid for name"]).await?;
        roles.drop(site).await
    });
}

#[test]
fn who_does_not_know_the_password_or_speaks_plainly_is_not_let_in() {
    on_fleet(async |site: &Site, fleet| {
        let roles = itself(site, fleet, "client").await?;
        let wrong = fleet.path("wrong.password");
        fs::write(&wrong, "not-the-password\n")?;
        let right = roles.file("match");
        fleet.set("match", "STORE_PASSWORD_FILE", wrong.display().to_string())?;
        is_refused(fleet, &["the store is unavailable yet", "password authentication failed for user"]).await?;
        ensure!(!fleet.log("match")?.contains("not-the-password"), "the password is in the log");
        fleet.set("match", "STORE_PASSWORD_FILE", right)?;
        let (role, ca) = (roles.name("match"), site.file("ca.pem"));
        let plain = format!("postgres://{role}@{}/{role}?sslmode=disable", site.postgres());
        fleet.set("match", "STORE_URL", plain)?;
        is_refused(fleet, &["STORE_CA_FILE is set, and STORE_URL says another sslmode than verify-full"]).await?;
        fleet.set("match", "STORE_URL", format!("postgres://{role}@{}/{role}?sslrootcert={ca}", site.postgres()))?;
        is_refused(fleet, &["STORE_CA_FILE is set, and STORE_URL says sslrootcert too"]).await?;
        roles.drop(site).await
    });
    on_fleet(async |site: &Site, fleet| {
        let plain = format!("postgres://postgres:x@{}/postgres?sslmode=disable", site.postgres());
        fleet.set("match", "STORE_URL", plain)?;
        fleet.set("match", "STORE_START_LIMIT", "1s")?;
        is_refused(fleet, &["no pg_hba.conf entry for host", "no encryption"]).await
    });
}

#[test]
fn who_is_asked_for_a_certificate_shows_it() {
    on_fleet(async |site: &Site, fleet| {
        told(&site.superuser, "DROP DATABASE IF EXISTS certified WITH (FORCE)").await?;
        told(&site.superuser, "DROP ROLE IF EXISTS certified").await?;
        told(&site.superuser, "CREATE ROLE certified LOGIN").await?;
        told(&site.superuser, "CREATE DATABASE certified OWNER certified").await?;
        fleet.set("match", "STORE_URL", format!("postgres://certified@{}/certified", site.postgres()))?;
        fleet.set("match", "STORE_CA_FILE", site.file("ca.pem"))?;
        fleet.set("match", "STORE_START_LIMIT", "1s")?;
        is_refused(fleet, &["connection requires a valid client certificate"]).await?;
        fleet.set("match", "STORE_CERT_FILE", site.file("client.pem"))?;
        fleet.set("match", "STORE_KEY_FILE", site.file("client.key"))?;
        fleet.start("match").await?;
        fleet.kill("match").await
    });
}

#[test]
fn a_context_whose_server_shows_an_expired_certificate_is_not_ready_until_that_is_mended() {
    on_fleet(async |site: &Site, fleet| {
        let roles = itself(site, fleet, "expiring").await?;
        fleet.start("match").await?;
        // Without looking at the certificate: it is the one that is changed.
        let unchecked = site.superuser.replace("verify-full", "require");
        let unchecked = unchecked.split("&sslrootcert").next().unwrap_or_default();
        let show = async |name: &str| -> Result<()> {
            for (setting, kind) in [("ssl_cert_file", "pem"), ("ssl_key_file", "key")] {
                let file = site.file(&format!("postgres/{name}.{kind}"));
                told(unchecked, &format!("ALTER SYSTEM SET {setting} = '{file}'")).await?;
            }
            told(unchecked, "SELECT pg_reload_conf()").await?;
            let role = roles.name("match");
            let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
            told(unchecked, &end).await
        };
        show("expired").await?;
        let seen = refused(fleet, "match", "store", &["invalid peer certificate"]).await;
        show("server").await?;
        seen?;
        fleet.ready().await?;
        fleet.kill("match").await?;
        roles.drop(site).await
    });
}
