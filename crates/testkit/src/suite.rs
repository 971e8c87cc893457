use std::collections::BTreeSet;
use std::env;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use flotilla::binaries;
use futures_util::FutureExt as _;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use crate::parts::{Parts, Servers};
use crate::{Case, Ground};

/// A folder of binaries that are to be tested as they are; without it they are built.
const BINARIES: &str = "FLOTILLA_TEST_BINARIES";

/// How long each test took, and how it failed if it did.
type Ended = Arc<Mutex<Vec<(Duration, String, Option<String>)>>>;

/// Runs the cases on all parts that there are, one after the other: a machine has only so many cores. Says at the end what
/// was left out, and how to include it.
pub fn run(manifest: &Path, cases: &[Case]) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(1);
    match try_run(manifest, cases, &arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(manifest: &Path, cases: &[Case], arguments: &Arguments) -> Result<ExitCode> {
    let ground = Arc::new(ground(manifest)?);
    let mut left_out = Vec::new();
    let ended = Ended::default();
    let mut trials = Vec::new();
    for parts in ["embedded", "servers"] {
        for case in cases {
            // stringify! puts blanks and new lines around the colons.
            let name = format!("{parts}::{}", case.name.split_whitespace().collect::<String>());
            trials.push(match available(parts, *case) {
                Ok(parts) => trial(name, *case, parts, &ground, &ended),
                Err(reason) => {
                    left_out.push((name.clone(), reason.clone()));
                    Trial::ignorable_test(name, || Ok(Completion::ignored_with(reason)))
                }
            });
        }
    }
    if !arguments.list {
        runtime()?.block_on(build(&ground))?;
    }
    let conclusion = libtest_mimic::run(arguments, trials);
    if !arguments.list {
        report(&ended, &left_out);
    }
    Ok(conclusion.exit_code())
}

fn available(parts: &str, case: Case) -> Result<Parts, String> {
    if parts == Parts::Embedded.name() {
        return Ok(Parts::Embedded);
    }
    let servers = Servers::from_env()?;
    if case.kills_broker {
        Servers::can_kill_kafka()?;
    }
    Ok(Parts::Servers(servers))
}

fn trial(name: String, case: Case, parts: Parts, ground: &Arc<Ground>, ended: &Ended) -> Trial {
    let (ground, ended, told) = (Arc::clone(ground), Arc::clone(ended), name.clone());
    Trial::test(name, move || {
        let runtime = runtime()?;
        let began = runtime.block_on(async { Instant::now() });
        let failure = runtime.block_on(run_case(&ground, case, &parts)).err().map(|error| format!("{error:#}"));
        ended.lock().unwrap_or_else(PoisonError::into_inner).push((began.elapsed(), told, failure.clone()));
        failure.map_or(Ok(()), |text| Err(Failed::from(text)))
    })
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// What matters most comes last: a log may be shown by its end only.
fn report(ended: &Ended, left_out: &[(String, String)]) {
    let ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
    for (took, name, _) in ended.iter() {
        eprintln!("{:8.1} s  {name}", took.as_secs_f64());
    }
    let reasons: BTreeSet<_> = left_out.iter().map(|(_, reason)| reason).collect();
    for reason in reasons {
        eprintln!("\nLEFT OUT ({reason}):");
        let names = left_out.iter().filter(|(_, why)| why == reason);
        names.for_each(|(name, _)| eprintln!("    {name}"));
    }
    for (_, name, failure) in ended.iter() {
        if let Some(line) = failure.as_deref().and_then(|text| text.lines().next()) {
            eprintln!("FAILED {name}: {line}");
        }
    }
}

fn ground(manifest: &Path) -> Result<Ground> {
    let exe = env::current_exe()?;
    // This is target/debug/deps/name: the release folder is beside debug.
    let target = exe.ancestors().nth(3).context("this binary is not where cargo builds")?;
    Ground::new(manifest, env::var_os(BINARIES).map_or_else(|| target.join("release"), PathBuf::from))
}

/// What users run is what is tested: the release profile, built by cargo if anything has changed.
async fn build(ground: &Ground) -> Result<()> {
    if env::var_os(BINARIES).is_none() {
        eprintln!("Building the release binaries that are tested (the first time takes minutes)");
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        binaries::build(&workspace, &ground.binaries, &ground.embedded()?).await?;
    }
    ground.check()
}

async fn run_case(ground: &Ground, case: Case, parts: &Parts) -> Result<()> {
    let mut fleet = ground.fleet(parts, "flotilla-test").await?;
    let outcome = AssertUnwindSafe((case.run)(&mut fleet)).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|panic| Err(told(panic.as_ref())));
    let outcome = outcome.map_err(|error| anyhow!("{error:#}\n{}", fleet.tails()));
    let ended = fleet.end().await.context("the test is over, but not all of it could be removed");
    outcome.and(ended)
}

/// What a panic says.
fn told(panic: &(dyn std::any::Any + Send)) -> anyhow::Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    anyhow!("it panicked: {}", text.unwrap_or("without a text"))
}
