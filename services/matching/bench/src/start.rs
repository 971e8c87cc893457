//! The embedded fleet, as people start it: `flotilla up` on a folder that is not there yet.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, timeout};

use crate::args::Effort;
use crate::figure::{Figure, Goal};
use crate::ports;
use crate::site::Site;

/// The ports of the fleet and its broker before an offset is added.
const PORTS: [u16; 6] = [8081, 8082, 8083, 8084, 8088, 9092];

/// How long a start may take before something is wrong.
const LIMIT: Duration = Duration::from_secs(30);

/// Several starts, each with nothing there before.
pub async fn measure(site: &Site, effort: &Effort) -> Result<Vec<Figure>> {
    let mut seconds = Vec::new();
    for start in 1..=effort.starts {
        eprintln!("start: {start} of {}", effort.starts);
        seconds.push(once(site, start).await?.as_secs_f64());
    }
    Ok(vec![Figure::median("flotilla up: the embedded fleet from nothing to ready", seconds, "s", Goal::Below(3.0))])
}

/// From the start of the command to the line that says that the fleet is up.
async fn once(site: &Site, number: usize) -> Result<Duration> {
    let offset = ports::free_offset(&PORTS).context("no ports are free")?;
    let began = Instant::now();
    let mut up = Command::new(site.binaries.join("flotilla"))
        .arg("up")
        .arg("--binaries")
        .arg(&site.binaries)
        .arg("--dir")
        .arg(site.dir.path().join(format!("start-{number}")))
        .args(["--port-offset", &offset.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("flotilla cannot be started")?;
    let stdout = up.stdout.take().context("flotilla says nothing")?;
    let mut lines = BufReader::new(stdout).lines();
    let ready = timeout(LIMIT, said_up(&mut lines)).await.context("flotilla up takes too long")?;
    let took = began.elapsed();
    stop(&mut up, lines).await?;
    ready.map(|()| took)
}

async fn said_up(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<()> {
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await? {
        if line.contains(" is up after ") {
            return Ok(());
        }
        said.push(line);
    }
    bail!("flotilla up has ended; it said:\n{}", said.join("\n"))
}

/// Asks it to stop, and lets it say what it has to say meanwhile.
async fn stop(up: &mut Child, mut lines: Lines<BufReader<ChildStdout>>) -> Result<()> {
    let pid = up.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid {
        kill_process(pid, Signal::TERM)?;
    }
    let rest = async { while let Ok(Some(_)) = lines.next_line().await {} };
    let ended = timeout(LIMIT, async { tokio::join!(rest, up.wait()).1 }).await;
    ended.context("flotilla up does not stop")??;
    Ok(())
}
