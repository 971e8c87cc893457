//! siege, as the issue has it: a hundred users who ask for matches.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::site::Site;

/// Users at the same time.
pub const USERS: u32 = 100;

/// Without these siege opens a connection per request, waits between requests, and writes to the user's home.
const SETTINGS: &str = "connection = keep-alive\nprotocol = HTTP/1.1\nbenchmark = true\ndelay = 0.0\nlimit = 255\n\
                        verbose = false\nquiet = true\njson_output = true\nlogging = false\nshow-logfile = false\n\
                        parser = false\nfollow-location = false\n";

/// What siege says in the end.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Answered as they should, per second.
    pub rate: f64,
    /// The share of them, in percent.
    pub availability: f64,
}

/// siege with its settings.
pub struct Siege {
    settings: PathBuf,
    url: String,
}

impl Siege {
    /// On the matches of a gateway.
    pub fn new(site: &Site, gateway: SocketAddr) -> Result<Self> {
        let settings = site.dir.path().join("siegerc");
        std::fs::write(&settings, SETTINGS)?;
        Ok(Self { settings, url: format!("http://{gateway}/matches POST {{\"price\":50000}}") })
    }

    /// Asks for matches for so long.
    pub async fn run(&self, how_long: Duration) -> Result<Outcome> {
        let mut command = Command::new("siege");
        command
            .arg(format!("--rc={}", self.settings.display()))
            .arg(format!("--concurrent={USERS}"))
            .arg(format!("--time={}S", how_long.as_secs()))
            .args(["--content-type=application/json", &self.url])
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = timeout(how_long + Duration::from_secs(20), command.output()).await;
        let output = output.context("siege does not end")?.context("siege cannot be started: apt-get install siege")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let outcome = read(&said).with_context(|| format!("siege said: {said}"))?;
        ensure!(outcome.rate > 0.0, "not one request was answered");
        Ok(outcome)
    }
}

/// What siege writes around its JSON is left out.
fn read(said: &str) -> Option<Outcome> {
    let json = &said[said.find('{')?..=said.rfind('}')?];
    let said: Value = serde_json::from_str(json).ok()?;
    let number = |name: &str| said.get(name)?.as_f64();
    Some(Outcome { rate: number("transaction_rate")?, availability: number("availability")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_siege_says_is_read_with_anything_around_it() {
        let said = "\n{\t\"transactions\": 10,\n\"availability\": 99.50,\n\"transaction_rate\": 612.25\n}\n";
        let outcome = read(said).unwrap();
        assert_eq!((outcome.rate.to_string(), outcome.availability.to_string()), ("612.25".into(), "99.5".into()));
        assert!(read("siege: command failed").is_none());
    }
}
