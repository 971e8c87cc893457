//! Runs cases and reports their results.

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

use crate::fleet::FleetTemplate;
use crate::fleet::parts::{Parts, Servers};
use crate::harness::case::Case;

/// The variable for a folder of binaries to test. Without it they are built.
const BINARIES: &str = "FLOTILLA_TEST_BINARIES";

/// With this variable, only the default fleet is tested on both kinds of parts. The others are tested on servers where there are
/// any: what the kinds have in common is tested once.
const SHORT: &str = "FLOTILLA_TEST_SHORT";

/// The duration, the name and the failure, if any, of each test.
type Results = Arc<Mutex<Vec<(Duration, String, Option<String>)>>>;

/// Runs the cases on all available parts, by default one after the other. Prints at the end which tests were skipped, and how
/// to include them.
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
    let template = Arc::new(template(manifest)?);
    let missing = if arguments.list { Vec::new() } else { runtime()?.block_on(build(&template))? };
    let mut skipped = Vec::new();
    let results = Results::default();
    let mut trials = Vec::new();
    for parts in ["embedded", "servers"] {
        for case in cases {
            // stringify! adds white space around the colons.
            let name = format!("{parts}::{}", case.name.split_whitespace().collect::<String>());
            let available = available(parts, *case, template.description.manifest.default);
            trials.push(match available.and_then(|parts| complete(parts, &missing)) {
                Ok(parts) => trial(name, *case, parts, &template, &results),
                Err(reason) => {
                    skipped.push((name.clone(), reason.clone()));
                    Trial::ignorable_test(name, || Ok(Completion::ignored_with(reason)))
                }
            });
        }
    }
    let conclusion = libtest_mimic::run(arguments, trials);
    if !arguments.list {
        report(&results, &skipped);
    }
    Ok(conclusion.exit_code())
}

fn available(parts: &str, case: Case, is_default_fleet: bool) -> Result<Parts, String> {
    let servers = Servers::from_env();
    if parts == Parts::Embedded.name() {
        return if !is_default_fleet && servers.is_ok() && env::var_os(SHORT).is_some() {
            Err(format!("{SHORT} is set: this fleet is tested on servers only"))
        } else {
            Ok(Parts::Embedded)
        };
    }
    let servers = servers?;
    if case.kills_broker {
        Servers::can_kill_kafka()?;
    }
    Ok(Parts::Servers(servers))
}

/// Fails if programs cannot be made on this machine: the laws are about all contexts.
fn complete(parts: Parts, missing: &[String]) -> Result<Parts, String> {
    if missing.is_empty() { Ok(parts) } else { Err(format!("this machine lacks what {} needs", missing.join(", "))) }
}

fn trial(name: String, case: Case, parts: Parts, template: &Arc<FleetTemplate>, results: &Results) -> Trial {
    let (template, results, recorded) = (Arc::clone(template), Arc::clone(results), name.clone());
    Trial::test(name, move || {
        let runtime = runtime()?;
        let began = runtime.block_on(async { Instant::now() });
        let failure = runtime.block_on(run_case(&template, case, &parts)).err().map(|error| format!("{error:#}"));
        results.lock().unwrap_or_else(PoisonError::into_inner).push((began.elapsed(), recorded, failure.clone()));
        failure.map_or(Ok(()), |text| Err(Failed::from(text)))
    })
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Prints the results. Failures come last, because CI often shows only the end of a log.
fn report(results: &Results, skipped: &[(String, String)]) {
    let results = results.lock().unwrap_or_else(PoisonError::into_inner);
    for (took, name, _) in results.iter() {
        eprintln!("{:8.1} s  {name}", took.as_secs_f64());
    }
    let reasons: BTreeSet<_> = skipped.iter().map(|(_, reason)| reason).collect();
    for reason in reasons {
        eprintln!("\nLEFT OUT ({reason}):");
        let names = skipped.iter().filter(|(_, why)| why == reason);
        names.for_each(|(name, _)| eprintln!("    {name}"));
    }
    for (_, name, failure) in results.iter() {
        if let Some(line) = failure.as_deref().and_then(|text| text.lines().next()) {
            eprintln!("FAILED {name}: {line}");
        }
    }
}

fn template(manifest: &Path) -> Result<FleetTemplate> {
    let exe = env::current_exe()?;
    // The path is target/debug/deps/NAME; the release binaries are in target/release.
    let target = exe.ancestors().nth(3).context("this binary is not where cargo builds")?;
    FleetTemplate::new(manifest, env::var_os(BINARIES).map_or_else(|| target.join("release"), PathBuf::from))
}

/// Builds the release binaries, because these are what users run. Returns the names of the programs that this machine cannot make.
async fn build(template: &FleetTemplate) -> Result<Vec<String>> {
    if env::var_os(BINARIES).is_none() {
        eprintln!("Building the release binaries that are tested (the first time takes minutes)");
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        binaries::build(&workspace, &template.binaries, &template.embedded()?).await?;
    }
    let missing = template.set_up().await?;
    if missing.is_empty() {
        template.check()?;
    }
    Ok(missing)
}

async fn run_case(template: &FleetTemplate, case: Case, parts: &Parts) -> Result<()> {
    let mut fleet = template.fleet(parts, "flotilla-test").await?;
    let outcome = AssertUnwindSafe((case.run)(&mut fleet)).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|panic| Err(panic_message(panic.as_ref())));
    let outcome = outcome.map_err(|error| anyhow!("{error:#}\n{}", fleet.log_excerpts()));
    let ended = fleet.end().await.context("the test is over, but not all of it could be removed");
    outcome.and(ended)
}

/// The message of a panic.
fn panic_message(panic: &(dyn std::any::Any + Send)) -> anyhow::Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    anyhow!("it panicked: {}", text.unwrap_or("without a text"))
}
