//! siege: a hundred clients that repeat one request.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::declaration::Request;
use crate::environment::Environment;

/// Concurrent clients.
pub const CLIENTS: u32 = 100;

/// Without these siege opens a connection per request, pauses between requests, and writes to the home folder.
const SETTINGS: &str = "connection = keep-alive\nprotocol = HTTP/1.1\nbenchmark = true\ndelay = 0.0\nlimit = 255\n\
                        verbose = false\nquiet = true\njson_output = true\nlogging = false\nshow-logfile = false\n\
                        parser = false\nfollow-location = false\n";

/// The time that siege may take to end after its clients.
const GRACE: Duration = Duration::from_secs(20);

/// The result of a run.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Successful responses per second.
    pub rate: f64,
    /// Their share, in percent.
    pub availability: f64,
}

/// siege with its settings.
pub struct Siege {
    settings: PathBuf,
    target: String,
}

impl Siege {
    /// A siege of a gateway by this request.
    pub fn new(environment: &Environment, gateway: SocketAddr, request: &Request) -> Result<Self> {
        let settings = environment.dir.path().join("siegerc");
        std::fs::write(&settings, SETTINGS)?;
        Ok(Self { settings, target: format!("http://{gateway}{} POST {}", request.path, request.body) })
    }

    /// Runs siege.
    pub async fn run(&self, duration: Duration) -> Result<Outcome> {
        let mut command = Command::new("siege");
        command
            .arg(format!("--rc={}", self.settings.display()))
            .arg(format!("--concurrent={CLIENTS}"))
            .arg(format!("--time={}S", duration.as_secs()))
            .args(["--content-type=application/json", &self.target])
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = timeout(duration + GRACE, command.output()).await;
        let output = output.context("siege does not end")?.context("siege cannot be started: apt-get install siege")?;
        let output = String::from_utf8_lossy(&output.stdout);
        let outcome = Outcome::parse(&output).with_context(|| format!("the output of siege: {output}"))?;
        ensure!(outcome.rate > 0.0, "no request was successful");
        Ok(outcome)
    }
}

impl Outcome {
    /// From the output, which has other text around its JSON.
    fn parse(output: &str) -> Option<Self> {
        let json = &output[output.find('{')?..=output.rfind('}')?];
        let results: Value = serde_json::from_str(json).ok()?;
        let number = |name: &str| results.get(name)?.as_f64();
        Some(Self { rate: number("transaction_rate")?, availability: number("availability")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_siege_are_found_in_its_output() {
        let output = "\n{\t\"transactions\": 10,\n\"availability\": 99.50,\n\"transaction_rate\": 612.25\n}\n";
        let outcome = Outcome::parse(output).unwrap();
        assert_eq!((outcome.rate.to_string(), outcome.availability.to_string()), ("612.25".into(), "99.5".into()));
        assert!(Outcome::parse("siege: command failed").is_none());
    }
}
