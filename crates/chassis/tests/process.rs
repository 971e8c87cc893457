//! A service as a process: its output and its exit code. The service is the example.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tokio::time::Instant;

/// Built by cargo beside the tests.
fn greeter() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    deps.ancestors().nth(2).unwrap().join("examples/greeter")
}

fn command(program: impl Into<PathBuf>) -> Command {
    let mut command = Command::new(program.into());
    command.env_clear().env("LISTEN", "127.0.0.1:0").stderr(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// The only line on standard error of a service that did not start.
fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains(" INFO ")).collect();
    let [line] = lines[..] else { panic!("more or less than one line: {text}") };
    line.to_owned()
}

/// A running service with its address and its log.
struct Started {
    process: Child,
    log: BufReader<std::process::ChildStderr>,
    address: String,
}

impl Started {
    fn new(mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("serving") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended before it served");
        }
        let address = line.trim_end().rsplit('=').next().unwrap().to_owned();
        Self { process, log, address }
    }

    fn get(&self, path: &str) -> String {
        self.get_with(path, "")
    }

    /// With additional header lines.
    fn get_with(&self, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

impl Drop for Started {
    /// A failed test leaves no process behind.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_process_probes_the_readiness_of_another() {
    let service = Started::new(command(greeter()));
    let probe = |address: &str| {
        let mut command = command(greeter());
        command.arg("--probe").env("LISTEN", address).output().unwrap()
    };
    let ready = probe(&service.address);
    assert!(ready.status.success(), "{ready:?}");
    let everywhere = service.address.replace("127.0.0.1", "0.0.0.0");
    assert!(probe(&everywhere).status.success(), "a wildcard address is probed on the loopback address");
    let address = service.address.clone();
    drop(service);
    let line = complaint(&probe(&address));
    assert!(line.contains("no response from") && line.contains(&address), "{line}");
}

#[test]
fn a_service_shuts_down_in_order_at_a_signal() {
    for signal in ["TERM", "INT"] {
        let mut service = Started::new(command(greeter()));
        assert!(service.get("/greetings/5").ends_with(r#"{"greeting":"hello","id":5}"#));
        service.signal(signal);
        assert_eq!(service.process.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[test]
fn a_service_shuts_down_in_order_when_its_supervisor_is_gone_if_configured() {
    let mut watching = command(greeter());
    watching.env("STOP_ON_STDIN_EOF", "true").stdin(Stdio::piped());
    let mut service = Started::new(watching);
    assert!(service.get("/greetings/5").starts_with("HTTP/1.1 200"));
    drop(service.process.stdin.take());
    let deadline = Instant::now() + Duration::from_secs(20);
    let ended = loop {
        match service.process.try_wait().unwrap() {
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            ended => break ended,
        }
    };
    assert_eq!(ended.expect("it still runs").code(), Some(0));
}

#[test]
fn the_end_of_standard_input_means_nothing_otherwise() {
    let mut closed = command(greeter());
    closed.stdin(Stdio::null());
    let mut service = Started::new(closed);
    assert!(service.get("/greetings/5").starts_with("HTTP/1.1 200"));
    service.signal("TERM");
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
}

#[test]
fn a_port_that_is_taken_is_said_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = command(greeter()).env("LISTEN", &address).output().unwrap();
    let expected = format!("greeter: cannot listen on {address} (set by LISTEN): Address already in use");
    assert!(complaint(&output).starts_with(&expected), "{}", complaint(&output));
}

#[test]
fn a_service_that_cannot_be_built_logs_the_reason_in_one_line() {
    let output = command(greeter()).env("GREETING", "").output().unwrap();
    assert_eq!(complaint(&output), "greeter: cannot start: there is no greeting (set by GREETING)");
}

#[test]
fn a_log_filter_that_cannot_be_read_is_said_in_one_line() {
    let output = command(greeter()).env("LOG", "a=b=c").output().unwrap();
    let line = complaint(&output);
    assert!(line.starts_with(r#"greeter: cannot read the log filter "a=b=c" (set by LOG): "#), "{line}");
}

#[test]
fn in_json_every_line_is_an_object_even_the_last() {
    let output = command(greeter()).env("LOG_FORMAT", "json").env("GREETING", "").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.last().unwrap();
    assert_eq!(last["level"], "ERROR");
    assert_eq!(last["fields"]["message"], "cannot start: there is no greeting (set by GREETING)");
}

#[test]
fn a_log_file_has_all_that_would_be_on_standard_error_and_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("greeter.log");
    let started = || command(greeter()).env("LOG_FILE", &file).env("GREETING", "").output().unwrap();
    for starts in 1..=2 {
        let output = started();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(1), &b""[..]));
        let log = std::fs::read_to_string(&file).unwrap();
        let complaints =
            log.lines().filter(|line| *line == "greeter: cannot start: there is no greeting (set by GREETING)");
        assert_eq!(complaints.count(), starts, "{log}");
    }
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let output = command(greeter()).env("LOG_FILE", file.join("below")).output().unwrap();
    let line = complaint(&output);
    assert!(line.starts_with("greeter: cannot write the log (set by LOG_FILE): "), "{line}");
}

#[test]
fn a_log_that_cannot_be_written_ends_no_service() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (full, free) = (std::fs::File::options().write(true).open("/dev/full").unwrap(), taken.local_addr().unwrap());
    drop(taken);
    let mut silent = command(greeter());
    let process = silent.env("LISTEN", free.to_string()).stderr(full).spawn().unwrap();
    let log = BufReader::new(Command::new("true").stderr(Stdio::piped()).spawn().unwrap().stderr.take().unwrap());
    let mut service = Started { process, log, address: free.to_string() };
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(free).is_err() {
        assert!(service.process.try_wait().unwrap().is_none(), "it ended");
        assert!(Instant::now() < deadline, "it does not serve");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(service.get("/greetings/5").starts_with("HTTP/1.1 200"));
    service.signal("TERM");
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
}

#[test]
fn a_line_that_repeats_is_logged_a_few_times_and_then_counted() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("pass.pub.pem");
    std::fs::write(&key, identity::KeyPair::generate().unwrap().public).unwrap();
    let mut strict = command(greeter());
    strict.env("INTERNAL_TOKEN_PUBLIC_KEY_FILE", &key).env("LOG_BURST", "5").env("LOG_INTERVAL", "1h");
    let mut service = Started::new(strict);
    for _ in 0..40 {
        assert!(service.get_with("/greetings/5", "x-flotilla-pass: x\r\n").starts_with("HTTP/1.1 401"));
    }
    service.signal("TERM");
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
    let log: Vec<String> = service.log.by_ref().lines().map(Result::unwrap).collect();
    assert_eq!(log.iter().filter(|line| line.contains("a pass was rejected")).count(), 5, "{log:#?}");
    let counted: Vec<&String> = log.iter().filter(|line| line.contains("suppressed=35")).collect();
    assert!(counted.len() == 1 && counted[0].contains("chassis/src/auth/authenticator.rs:"), "{log:#?}");
}

#[test]
fn help_lists_every_environment_variable_with_its_default() {
    let mut bare = command(greeter());
    let output = bare.env_remove("LISTEN").arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for (variable, default) in [
        ("LISTEN", "127.0.0.1:8080"),
        ("LOG", "info"),
        ("LOG_FORMAT", "text"),
        ("LOG_BURST", "20"),
        ("LOG_INTERVAL", "10s"),
        ("LOG_FILE_LIMIT", "10485760"),
        ("LOG_FILES_KEPT", "3"),
        ("DRAIN_DELAY", "0s"),
        ("SHUTDOWN_GRACE", "25s"),
        ("BODY_LIMIT", "65536"),
        ("BODY_READ_TIMEOUT", "10s"),
        ("CONNECTION_MAX_AGE", "30s"),
        ("HEADER_READ_TIMEOUT", "10s"),
        ("HEAD_LIMIT", "16384"),
        ("HEAD_LINES", "100"),
        ("WRITE_TIMEOUT", "10s"),
        ("MAX_CONNECTIONS", "4096"),
        ("CONNECTION_SHARE", "100%"),
        ("MAX_RESETS", "1024"),
        ("STOP_ON_STDIN_EOF", "false"),
    ] {
        let (_, after) = help.split_once(&format!("[env: {variable}=]")).expect(variable);
        assert!(after.trim_start().starts_with(&format!("[default: {default}]")), "{variable}: {after}");
    }
}

#[test]
fn a_service_takes_all_the_open_files_that_it_may_have() {
    let mut shell = command("/bin/sh");
    shell.args(["-c", "ulimit -Sn 40; exec \"$0\""]).arg(greeter());
    let mut service = Started::new(shell);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", service.process.id())).unwrap();
    let open_files: Vec<&str> =
        limits.lines().find(|line| line.starts_with("Max open files")).unwrap().split_whitespace().collect();
    assert_eq!(open_files[3], open_files[4], "{limits}");
    service.signal("TERM");
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
}

#[test]
fn a_service_without_file_descriptors_waits_for_some_and_goes_on() {
    let mut shell = command("/bin/sh");
    shell.args(["-c", "ulimit -n 40; exec \"$0\""]).arg(greeter());
    let mut service = Started::new(shell);
    let greedy: Vec<TcpStream> = (0..60).map(|_| TcpStream::connect(&service.address).unwrap()).collect();
    let mut line = String::new();
    while !line.contains("cannot take a connection") {
        line.clear();
        assert_ne!(service.log.read_line(&mut line).unwrap(), 0);
    }
    drop(greedy);
    assert!(service.get("/greetings/5").starts_with("HTTP/1.1 200"));
    service.signal("TERM");
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
    // It retried every 200 ms. Without the pause there would be thousands of lines.
    let complaints = service.log.by_ref().lines().filter(|line| line.as_ref().unwrap().contains("cannot take")).count();
    assert!(complaints < 50, "{complaints} complaints");
}
