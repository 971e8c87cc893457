//! The machine on which the figures were measured.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::Result;
use sqlx::Connection as _;

use crate::cpu;
use crate::environment::Environment;
use crate::proc;

/// Names and values, in the order of the output.
pub async fn describe(environment: &Environment) -> Result<Vec<(String, String)>> {
    let unknown = || "unknown".to_owned();
    let cpus = std::thread::available_parallelism()?;
    let model = line_of("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
    let rows = [
        ("date", environment.clock.now().to_string()),
        ("CPUs", format!("{cpus} x {model}")),
        ("memory", line_of("/proc/meminfo", "MemTotal").unwrap_or_else(unknown)),
        (
            "kernel",
            fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(|_| unknown(), |text| text.trim().into()),
        ),
        ("load before", fs::read_to_string("/proc/loadavg").map_or_else(|_| unknown(), |text| text.trim().into())),
        ("PostgreSQL", postgres_version(environment).await?),
        ("Apache Kafka", kafka_version(environment).unwrap_or_else(unknown)),
        ("siege", first_line(Command::new("siege").arg("--version")).unwrap_or_else(unknown)),
        ("rustc", first_line(Command::new("rustc").arg("--version")).unwrap_or_else(unknown)),
    ];
    Ok(rows.map(|(name, value)| (name.to_owned(), value)).into())
}

fn line_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'))?;
    Some(value.trim().to_owned())
}

fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    // siege writes its version to stderr.
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let text = String::from_utf8_lossy(&text);
    text.lines().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
}

async fn postgres_version(environment: &Environment) -> Result<String> {
    let mut server = environment.server().await?;
    let version = sqlx::query_scalar("SHOW server_version").fetch_one(&mut server).await?;
    server.close().await?;
    Ok(version)
}

/// From the name of an open file: the protocol has no version.
fn kafka_version(environment: &Environment) -> Option<String> {
    let files: BTreeSet<String> = proc::open_files(cpu::kafka(environment).ok()?).collect();
    let named = |path: &String| Some(path.rsplit_once("/kafka-clients-")?.1.strip_suffix(".jar")?.to_owned());
    files.iter().find_map(named)
}
