//! The PID file of a fleet: the next start finds the processes that a crashed `flotilla` left running.
//!
//! The operating system reuses process ids. Each line therefore holds the start time and the program of the process too,
//! as `/proc` shows them. Without `/proc` nothing is written, and no process is stopped by mistake.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

/// The file that lists the running processes.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    running: Mutex<BTreeMap<String, ProcessIdentity>>,
}

/// Identifies one process, also after its id was reused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// The process id.
    pub pid: i32,
    /// The start time, in clock ticks since boot.
    start: u64,
    program: String,
}

impl PidFile {
    /// The PID file at this path. The file need not exist.
    pub fn at(path: PathBuf) -> Self {
        Self { path, running: Mutex::default() }
    }

    /// The processes of an earlier `flotilla` that still run, by name.
    pub fn orphans(&self) -> Vec<(String, ProcessIdentity)> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        text.lines().filter_map(read_line).filter(|(_, process)| !process.was_replaced()).collect()
    }

    /// Records the start of a process.
    pub fn record_start(&self, name: &str, pid: u32) -> io::Result<()> {
        let identity = i32::try_from(pid).ok().and_then(ProcessIdentity::of);
        self.change(|running| {
            if let Some(identity) = identity {
                running.insert(name.to_owned(), identity);
            }
        })
    }

    /// Records the end of a process. The file is removed with the last process.
    pub fn record_end(&self, name: &str) -> io::Result<()> {
        self.change(|running| {
            running.remove(name);
        })
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, ProcessIdentity>)) -> io::Result<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut running);
        if running.is_empty() {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let lines = running.iter().map(|(name, ProcessIdentity { pid, start, program })| {
            // The program is the last field: it alone may contain blanks.
            format!("{name} {pid} {start} {program}\n")
        });
        let next = self.path.with_extension("next");
        files::write(&next, &lines.collect::<String>())?;
        fs::rename(next, &self.path)
    }
}

fn read_line(line: &str) -> Option<(String, ProcessIdentity)> {
    let mut parts = line.splitn(4, ' ');
    let (name, pid, start, program) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let identity = ProcessIdentity { pid: pid.parse().ok()?, start: start.parse().ok()?, program: program.to_owned() };
    Some((name.to_owned(), identity))
}

impl ProcessIdentity {
    /// The process that has this id now, if any.
    pub fn of(pid: i32) -> Option<Self> {
        Some(Self { pid, start: start_time(pid)?, program: program(pid)? })
    }

    /// Whether the process still runs. The program is not compared: the kernel removes `/proc/PID/exe` while the process
    /// still holds its ports.
    pub fn is_alive(&self) -> bool {
        start_time(self.pid) == Some(self.start)
    }

    /// Whether the process has ended or its id belongs to another process.
    fn was_replaced(&self) -> bool {
        !self.is_alive() || program(self.pid).is_some_and(|program| program != self.program)
    }
}

/// The start time of a process. `None` if the process and all its threads have ended.
fn start_time(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses that may contain any character. Fields: proc_pid_stat(5).
    let fields: Vec<_> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let (state, threads, start) = (fields.first()?, fields.get(17)?, fields.get(19)?);
    let ended = matches!(*state, "Z" | "X") && matches!(*threads, "0" | "1");
    if ended { None } else { start.parse().ok() }
}

fn program(pid: i32) -> Option<String> {
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?.to_string_lossy().into_owned();
    // The kernel marks the path of a program that was rebuilt since the start.
    // A newline in a path must not split the line of a process.
    Some(program.strip_suffix(" (deleted)").unwrap_or(&program).replace('\n', "?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_pid() -> u32 {
        std::process::id()
    }

    #[test]
    fn a_recorded_process_that_still_runs_is_found_by_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pids");
        PidFile::at(path.clone()).record_start("crane", own_pid()).unwrap();
        let found = PidFile::at(path).orphans();
        assert_eq!(found, [("crane".to_owned(), ProcessIdentity::of(own_pid().cast_signed()).unwrap())]);
    }

    #[test]
    fn an_id_that_was_given_to_another_process_since_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pids");
        let ProcessIdentity { pid, start, program } = ProcessIdentity::of(own_pid().cast_signed()).unwrap();
        let lines = format!("crane {pid} {} {program}\nboat {pid} {start} {program}x\nsomething else\n", start + 1);
        fs::write(&path, lines).unwrap();
        assert_eq!(PidFile::at(path).orphans(), []);
    }

    #[test]
    fn a_process_that_has_ended_is_not_alive_even_before_its_exit_status_is_read() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let identity = ProcessIdentity::of(child.id().cast_signed()).unwrap();
        assert!(identity.is_alive());
        child.kill().unwrap();
        while identity.is_alive() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }

    #[test]
    fn the_file_goes_with_the_last_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pids");
        let pids = PidFile::at(path.clone());
        pids.record_start("crane", own_pid()).unwrap();
        pids.record_start("boat", own_pid()).unwrap();
        pids.record_end("crane").unwrap();
        assert!(path.is_file());
        pids.record_end("boat").unwrap();
        assert!(!path.exists());
        assert!(pids.record_end("boat").is_ok());
    }
}
