//! Who is let in by Kafka, and what becomes of a process that is not.

use std::fs;
use std::process::{Command, Output};

use anyhow::{Result, ensure};
use testkit::Fleet;

use crate::site::{Site, binaries, on_fleet, refused};

/// A context that reads: it is ready only if the broker answers it.
const READER: &str = "mypage";
/// A context that speaks, and waits for a broker that is away.
const SPEAKER: &str = "match";

fn set(fleet: &mut Fleet, name: &str, variables: &[(&str, String)]) -> Result<()> {
    variables.iter().try_for_each(|(variable, value)| fleet.set(name, variable, value.as_str()))
}

/// Starts both kinds of contexts with settings that Kafka refuses, and then with the right ones again.
async fn both_are_refused(fleet: &mut Fleet, variables: &[(&str, String)], reasons: &[&str]) -> Result<()> {
    for name in [READER, SPEAKER] {
        set(fleet, name, variables)?;
        fleet.begin(name)?;
    }
    for name in [READER, SPEAKER] {
        refused(fleet, name, "broker", reasons).await?;
        fleet.kill(name).await?;
    }
    Ok(())
}

#[test]
fn each_way_of_showing_who_one_is_lets_a_context_in() {
    on_fleet(async |_, fleet| {
        for mechanism in ["scram-sha-256", "scram-sha-512", "plain"] {
            fleet.set(READER, "KAFKA_SASL_MECHANISM", mechanism)?;
            fleet.start(READER).await?;
            fleet.stop(READER).await?;
        }
        Ok(())
    });
    // A fleet of its own: a variable that was set is not taken away again.
    on_fleet(async |site: &Site, fleet| {
        fleet.set(READER, "KAFKA_BROKERS", site.kafka("localhost", 3))?;
        let certificate = [("KAFKA_CERT_FILE", site.file("client.pem")), ("KAFKA_KEY_FILE", site.file("client.key"))];
        set(fleet, READER, &certificate)?;
        fleet.start(READER).await?;
        Ok(())
    });
}

#[test]
fn who_does_not_know_the_password_is_not_ready_and_says_so() {
    on_fleet(async |_, fleet| {
        let wrong = fleet.path("wrong.password");
        fs::write(&wrong, "not-the-password\n")?;
        let file = wrong.display().to_string();
        both_are_refused(fleet, &[("KAFKA_PASSWORD_FILE", file)], &["Authentication failed"]).await?;
        for name in [READER, SPEAKER] {
            ensure!(!fleet.log(name)?.contains("not-the-password"), "the password is in the log of {name}");
        }
        // The same process is let in once the file is right and it is started again.
        fs::copy(std::env::var("KAFKA_PASSWORD_FILE")?, &wrong)?;
        fleet.start(READER).await
    });
}

#[test]
fn brokers_that_cannot_show_who_they_are_get_no_password() {
    on_fleet(async |site: &Site, fleet| {
        let other = ("KAFKA_CA_FILE", site.file("other-ca.pem"));
        both_are_refused(fleet, &[other], &["certificate verify failed"]).await?;
        let right = ("KAFKA_CA_FILE", site.file("ca.pem"));
        let expired = ("KAFKA_BROKERS", site.kafka("localhost", 2));
        both_are_refused(fleet, &[right, expired], &["certificate has expired", "certificate verify failed"]).await?;
        let elsewhere = ("KAFKA_BROKERS", site.kafka("127.0.0.1", 0));
        both_are_refused(fleet, &[elsewhere], &["IP address mismatch", "certificate verify failed"]).await
    });
}

#[test]
fn who_has_no_certificate_where_one_is_wanted_is_not_ready() {
    on_fleet(async |site: &Site, fleet| {
        let without = [("KAFKA_BROKERS", site.kafka("localhost", 3))];
        both_are_refused(fleet, &without, &["certificate required", "bad certificate"]).await
    });
}

/// What a command says that is given no password, but a certificate or none.
fn events(site: &Site, fleet: &Fleet, certified: bool) -> Result<Output> {
    let mut command = Command::new(binaries()?.join("flotilla"));
    command.args(["events", "--from-beginning", "--no-follow", "--fleet"]).arg(fleet.path("fleet.toml"));
    command.args(["--kafka", &site.kafka("localhost", 1), "--kafka-security", "tls"]);
    command.env_remove("KAFKA_USERNAME").env_remove("KAFKA_PASSWORD_FILE");
    if certified {
        command.args(["--kafka-cert-file", &site.file("client.pem"), "--kafka-key-file", &site.file("client.key")]);
    }
    Ok(command.output()?)
}

#[test]
fn a_command_is_let_in_by_its_certificate_alone() {
    on_fleet(async |site: &Site, fleet| {
        let refused = events(site, fleet, false)?;
        ensure!(!refused.status.success(), "{refused:?}");
        let let_in = events(site, fleet, true)?;
        ensure!(let_in.status.success(), "{let_in:?}");
        Ok(())
    });
}
