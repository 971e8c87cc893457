//! Which processes run, written down so that whoever comes after a crash of ours finds what we left behind.
//!
//! An id alone says little: ids are used again. So the start of the process and its program are kept beside it, as
//! `/proc` tells them. Where there is no `/proc` nothing is written, and nothing is ever stopped by mistake.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

/// The file that names the running processes.
#[derive(Debug)]
pub struct Pids {
    path: PathBuf,
    running: Mutex<BTreeMap<String, Identity>>,
}

/// Exactly one process, at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id while it lives.
    pub pid: i32,
    /// When it was started, in ticks since the machine was.
    start: u64,
    program: String,
}

impl Pids {
    /// The file at this path, which need not be there.
    pub fn at(path: PathBuf) -> Self {
        Self { path, running: Mutex::default() }
    }

    /// The processes of an earlier flotilla that still run, by name.
    pub fn left_behind(&self) -> Vec<(String, Identity)> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        text.lines().filter_map(read_line).filter(|(_, process)| !process.is_another()).collect()
    }

    /// Notes that a process has started.
    pub fn started(&self, name: &str, pid: u32) -> io::Result<()> {
        let identity = i32::try_from(pid).ok().and_then(Identity::of);
        self.change(|running| {
            if let Some(identity) = identity {
                running.insert(name.to_owned(), identity);
            }
        })
    }

    /// Notes that a process has ended. With the last one the file goes too.
    pub fn ended(&self, name: &str) -> io::Result<()> {
        self.change(|running| {
            running.remove(name);
        })
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Identity>)) -> io::Result<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut running);
        if running.is_empty() {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let lines = running.iter().map(|(name, Identity { pid, start, program })| {
            // The program comes last: it alone may have blanks in it.
            format!("{name} {pid} {start} {program}\n")
        });
        let next = self.path.with_extension("next");
        fs::write(&next, lines.collect::<String>())?;
        fs::rename(next, &self.path)
    }
}

fn read_line(line: &str) -> Option<(String, Identity)> {
    let mut parts = line.splitn(4, ' ');
    let (name, pid, start, program) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let identity = Identity { pid: pid.parse().ok()?, start: start.parse().ok()?, program: program.to_owned() };
    Some((name.to_owned(), identity))
}

impl Identity {
    /// The process that has this id now.
    pub fn of(pid: i32) -> Option<Self> {
        Some(Self { pid, start: start_of_living(pid)?, program: program(pid)? })
    }

    /// Whether it still runs. Its program is not asked for: the kernel forgets that early, while ports are still held.
    pub fn lives(&self) -> bool {
        start_of_living(self.pid) == Some(self.start)
    }

    /// Whether the process that has its id now, if any, is another one.
    fn is_another(&self) -> bool {
        !self.lives() || program(self.pid).is_some_and(|program| program != self.program)
    }
}

/// When a process was started, unless it has ended with all its threads.
fn start_of_living(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses, in which anything may stand. See proc_pid_stat(5) for the others.
    let fields: Vec<_> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let (state, threads, start) = (fields.first()?, fields.get(17)?, fields.get(19)?);
    let ended = matches!(*state, "Z" | "X") && matches!(*threads, "0" | "1");
    if ended { None } else { start.parse().ok() }
}

fn program(pid: i32) -> Option<String> {
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?.to_string_lossy().into_owned();
    // A program that was built anew since is still the program of that process.
    Some(program.strip_suffix(" (deleted)").unwrap_or(&program).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_pid() -> u32 {
        std::process::id()
    }

    #[test]
    fn what_was_noted_and_still_lives_is_found_by_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pids");
        Pids::at(path.clone()).started("crane", own_pid()).unwrap();
        let found = Pids::at(path).left_behind();
        assert_eq!(found, [("crane".to_owned(), Identity::of(own_pid().cast_signed()).unwrap())]);
    }

    #[test]
    fn an_id_that_was_given_to_another_process_since_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pids");
        let Identity { pid, start, program } = Identity::of(own_pid().cast_signed()).unwrap();
        let lines = format!("crane {pid} {} {program}\nboat {pid} {start} {program}x\nsomething else\n", start + 1);
        fs::write(&path, lines).unwrap();
        assert_eq!(Pids::at(path).left_behind(), []);
    }

    #[test]
    fn a_process_that_has_ended_does_not_live_even_if_nobody_has_asked_how() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let identity = Identity::of(child.id().cast_signed()).unwrap();
        assert!(identity.lives());
        child.kill().unwrap();
        while identity.lives() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }

    #[test]
    fn the_file_goes_with_the_last_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pids");
        let pids = Pids::at(path.clone());
        pids.started("crane", own_pid()).unwrap();
        pids.started("boat", own_pid()).unwrap();
        pids.ended("crane").unwrap();
        assert!(path.is_file());
        pids.ended("boat").unwrap();
        assert!(!path.exists());
        assert!(pids.ended("boat").is_ok());
    }
}
