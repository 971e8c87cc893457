//! Tests of one process: log, signals, exit.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use files::Rotation;
use flotilla::plan::{ProcessSpec, Ready, Role};
use flotilla::process::{Process, Stopped};
use tokio_util::sync::CancellationToken;

/// A process that runs this script.
#[cfg(test)]
fn script(folder: &Path, text: &str) -> ProcessSpec {
    ProcessSpec {
        name: "crane".to_owned(),
        role: Role::Context,
        package: "crane".to_owned(),
        program: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/script.sh"),
        setup: None,
        env: BTreeMap::from([("SCRIPT".to_owned(), text.to_owned()), ("CARGO_OF".to_owned(), "bananas".to_owned())]),
        listen: "127.0.0.1:1".parse().unwrap(),
        ready: Ready::Accepts,
        folder: folder.join("crane"),
        rotation: Rotation::DEFAULT,
    }
}

#[cfg(test)]
async fn run(spec: &ProcessSpec) -> Process {
    let mut process = Process::start(spec).unwrap();
    process.ended().await.unwrap();
    process
}

#[tokio::test]
async fn output_and_errors_go_to_the_log_and_its_last_lines_are_those_of_this_start() {
    let folder = tempfile::tempdir().unwrap();
    let spec = script(folder.path(), "echo one; echo; echo two; echo $CARGO_OF >&2");
    run(&spec).await;
    let second = run(&spec).await;
    assert_eq!(second.last_lines(&spec.log(), 10).unwrap(), ["one", "two", "bananas"]);
    assert_eq!(second.last_lines(&spec.log(), 2).unwrap(), ["two", "bananas"]);
    assert_eq!(fs::read_to_string(spec.log()).unwrap().matches("bananas").count(), 2);
}

#[tokio::test]
async fn a_log_above_its_limit_is_renamed_in_the_place_of_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let rotation = Rotation { limit: 4, kept: 1 };
    let spec = ProcessSpec { rotation, ..script(folder.path(), "echo first") };
    run(&spec).await;
    let second = run(&ProcessSpec { rotation, ..script(folder.path(), "echo second") }).await;
    let aside = spec.folder.join("log.1.txt");
    assert_eq!(fs::read_to_string(&aside).unwrap(), "first\n");
    assert_eq!(fs::read_to_string(spec.log()).unwrap(), "second\n");
    assert_eq!(second.last_lines(&spec.log(), 10).unwrap(), ["second"]);
    run(&spec).await;
    assert_eq!(fs::read_to_string(aside).unwrap(), "second\n");
}

#[tokio::test]
async fn the_last_lines_are_found_in_a_log_that_was_rotated_since_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let before = "echo a line of an earlier start that is longer than all that comes after it";
    run(&script(folder.path(), before)).await;
    let rotate = "echo one; mv \"$LOG_FILE\" \"$LOG_FILE.1\"; exec >\"$LOG_FILE\"; echo two";
    let spec = script(folder.path(), rotate);
    assert_eq!(run(&spec).await.last_lines(&spec.log(), 10).unwrap(), ["two"]);
}

#[tokio::test]
async fn a_signal_reaches_what_the_process_started_too() {
    let folder = tempfile::tempdir().unwrap();
    let spec = script(folder.path(), "sleep 1000 & echo $!; wait");
    let mut process = Process::start(&spec).unwrap();
    let child = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            if let [pid] = &process.last_lines(&spec.log(), 10).unwrap()[..] {
                return pid.parse().unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let child = flotilla::pid_file::ProcessIdentity::of(child.await.unwrap()).unwrap();
    process.kill().await.unwrap();
    let gone = tokio::time::timeout(Duration::from_secs(10), async {
        while child.is_alive() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(gone.await.is_ok());
}

#[tokio::test]
async fn stopping_an_ended_process_returns_its_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = run(&script(folder.path(), "exit 3")).await;
    assert_eq!(process.id(), None);
    let stopped = process.stop(Duration::ZERO, &CancellationToken::new()).await.unwrap();
    assert!(matches!(stopped, Stopped::Ended(status) if status.code() == Some(3)));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let spec = ProcessSpec { program: folder.path().join("gone"), ..script(folder.path(), "") };
    assert_eq!(Process::start(&spec).unwrap_err().kind(), std::io::ErrorKind::NotFound);
}
