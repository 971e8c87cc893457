//! The embedded fleet as users start it: `flotilla up` in a new folder.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use flotilla::plan::BROKER_PORT;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, timeout};

use crate::args::Effort;
use crate::environment::Environment;
use crate::figure::{Figure, Goal};
use crate::ports;

/// Time limit of a start, and of a stop.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Several starts, each in a new folder.
pub async fn measure(environment: &Environment, effort: &Effort) -> Result<Vec<Figure>> {
    let mut seconds = Vec::new();
    for start in 1..=effort.starts {
        eprintln!("start: {start} of {}", effort.starts);
        seconds.push(start_once(environment, start).await?.as_secs_f64());
    }
    Ok(vec![Figure::median("flotilla up: the embedded fleet from nothing to ready", seconds, "s", Goal::Below(3.0))])
}

/// From the start of the command to the line that reports that the fleet is up.
async fn start_once(environment: &Environment, number: usize) -> Result<Duration> {
    let manifest = &environment.fleet.manifest;
    let declared: Vec<u16> =
        manifest.contexts.iter().map(|context| context.port).chain([manifest.gateway.port, BROKER_PORT]).collect();
    let offset = ports::free_offset(&declared).context("no ports are free")?;
    let began = Instant::now();
    let mut up = Command::new(environment.binaries.join("flotilla"))
        .arg("up")
        .arg("--fleet")
        .arg(&environment.manifest)
        .arg("--binaries")
        .arg(&environment.binaries)
        .arg("--dir")
        .arg(environment.dir.path().join(format!("start-{number}")))
        .args(["--port-offset", &offset.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("flotilla cannot be started")?;
    let stdout = up.stdout.take().context("flotilla has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let ready = timeout(TIMEOUT, until_up(&mut lines)).await.context("flotilla up takes too long")?;
    let took = began.elapsed();
    stop(&mut up, lines).await?;
    ready.map(|()| took)
}

async fn until_up(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<()> {
    let mut output = Vec::new();
    while let Some(line) = lines.next_line().await? {
        if line.contains(" is up after ") {
            return Ok(());
        }
        output.push(line);
    }
    bail!("flotilla up has ended; its output:\n{}", output.join("\n"))
}

/// Sends SIGTERM, and reads the output until the end, so that the command is not blocked by it.
async fn stop(up: &mut Child, mut lines: Lines<BufReader<ChildStdout>>) -> Result<()> {
    let pid = up.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid {
        kill_process(pid, Signal::TERM)?;
    }
    let rest = async { while let Ok(Some(_)) = lines.next_line().await {} };
    let ended = timeout(TIMEOUT, async { tokio::join!(rest, up.wait()).1 }).await;
    ended.context("flotilla up does not stop")??;
    Ok(())
}
