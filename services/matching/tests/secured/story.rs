//! A fleet at work over TLS, with a password of its own for each context, and nothing of them in sight.

use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use matching_tests::{LATER, People, SOON};
use testkit::{Fleet, eventually};

use crate::roles::Roles;
use crate::site::{Site, binaries, on_fleet};

const CONTEXTS: [&str; 4] = ["match", "visit", "payment", "mypage"];

/// Has each context come to its store as itself.
fn as_themselves(site: &Site, fleet: &mut Fleet, roles: &Roles) -> Result<()> {
    for context in CONTEXTS {
        let role = roles.name(context);
        fleet.set(context, "STORE_URL", format!("postgres://{role}@{}/{role}", site.postgres()))?;
        fleet.set(context, "STORE_PASSWORD_FILE", roles.file(context))?;
        fleet.set(context, "STORE_CA_FILE", site.file("ca.pem"))?;
    }
    Ok(())
}

/// What a command of the operator says. It gets the settings for Kafka from the environment, as the services do.
fn flotilla(fleet: &Fleet, arguments: &[&str]) -> Result<Output> {
    let described = fleet.path("fleet.toml");
    let mut command = Command::new(binaries()?.join("flotilla"));
    command.arg(arguments[0]).arg("--fleet").arg(described).arg("--kafka").arg(&fleet.broker().kafka_brokers);
    Ok(command.args(&arguments[1..]).output()?)
}

#[test]
fn a_fleet_works_over_tls_and_no_password_is_in_a_log_an_argument_or_an_answer() {
    on_fleet(async |site: &Site, fleet| {
        let roles = Roles::make(site, "tls").await?;
        as_themselves(site, fleet, &roles)?;
        for context in CONTEXTS {
            fleet.set(context, "LOG", "trace")?;
        }
        fleet.start_all().await?;
        let people = People::of(fleet)?;
        people.request(5000).await?.must_be(201)?;
        eventually(SOON, "the tutor may take it", async || {
            ensure!(people.listed().await?.contains_key(&5000), "it is not listed");
            Ok(())
        })
        .await?;
        people.assign(5000).await?.must_be(201)?;
        people.cancel(5000).await?.must_be(200)?;
        eventually(SOON, "the page shows the end", async || {
            let status = people.page_status(5000).await?;
            ensure!(status == "visitCanceled", "{status}");
            Ok(())
        })
        .await?;
        fleet.settled(LATER).await?;
        told_by_commands(fleet)?;
        nothing_is_told(site, fleet, &roles)?;
        fleet.kill_all().await?;
        roles.drop(site).await
    });
}

fn told_by_commands(fleet: &Fleet) -> Result<()> {
    let events = flotilla(fleet, &["events", "--id", "5000", "--from-beginning", "--no-follow", "--json"])?;
    let said = String::from_utf8(events.stdout)?;
    ensure!(said.contains("MatchRequested") && said.contains("VisitCanceled"), "{said}{:?}", events.stderr);
    let letters = flotilla(fleet, &["redrive", "--help"])?;
    ensure!(letters.status.success(), "{letters:?}");
    Ok(())
}

fn nothing_is_told(site: &Site, fleet: &Fleet, roles: &Roles) -> Result<()> {
    let mut secrets = vec![site.password("kafka")?, site.password("postgres")?];
    for context in CONTEXTS {
        secrets.push(roles.password(context)?);
    }
    let told = |text: &str| secrets.iter().any(|secret| text.contains(secret.as_str()));
    for context in CONTEXTS {
        let log = fleet.log(context)?;
        ensure!(log.contains("TRACE"), "{context} says nothing");
        let line = log.lines().find(|line| told(line));
        ensure!(line.is_none(), "a password is in the log of {context}: {}", line.context("a line")?);
        ensure!(!told(&fleet.arguments(context)?), "a password is among the arguments of {context}");
    }
    Ok(())
}
