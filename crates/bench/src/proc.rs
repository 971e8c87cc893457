//! Processes in `/proc`: listeners, CPU time, memory.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result};

/// The unit of CPU time in `/proc`, per second: the same on every Linux.
const TICKS: f64 = 100.0;

/// The numbers of `/proc/PID/stat` that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// User and system time, in ticks.
    own: u64,
    /// The same of the children that have ended.
    of_children: u64,
}

/// The process that listens on this port of this machine: of several, the oldest.
pub fn listener(port: u16) -> Result<u32> {
    let mut sockets = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        sockets.extend(listening(&fs::read_to_string(table).unwrap_or_default(), port));
    }
    let owners = processes().filter(|pid| holds(*pid, &sockets));
    owners.min().with_context(|| format!("no process on this machine listens on port {port}"))
}

/// The inodes of the sockets that listen on `port`, from `/proc/net/tcp`.
fn listening(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let local = format!(":{port:04X}");
    let fields = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = fields.filter(|of| of.len() > 9 && of[1].ends_with(&local) && of[3] == LISTEN);
    ours.map(|of| of[9].to_owned()).collect()
}

fn holds(pid: u32, sockets: &BTreeSet<String>) -> bool {
    open_files(pid).any(|target| {
        target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')).is_some_and(|id| sockets.contains(id))
    })
}

/// The targets of the file descriptors of a process.
pub fn open_files(pid: u32) -> impl Iterator<Item = String> {
    let folder = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    folder.filter_map(|entry| fs::read_link(entry.path()).ok()).map(|target| target.to_string_lossy().into_owned())
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// CPU seconds of a process and its children, also of those that have ended.
pub fn cpu_seconds(pid: u32) -> f64 {
    let Some(top) = stat(pid) else { return f64::NAN };
    let children = processes().filter_map(stat).filter(|stat| stat.parent == pid);
    let ticks = top.own + top.of_children + children.map(|child| child.own + child.of_children).sum::<u64>();
    let ticks = u32::try_from(ticks).map_or(f64::NAN, f64::from);
    ticks / TICKS
}

fn stat(pid: u32) -> Option<Stat> {
    read_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// See `proc_pid_stat(5)`: the second field is a name in parentheses, which may contain any text.
fn read_stat(text: &str) -> Option<Stat> {
    let fields: Vec<u64> =
        text.rsplit_once(')')?.1.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    let at = |number: usize| fields.get(number - 3).copied();
    Some(Stat { parent: u32::try_from(at(4)?).ok()?, own: at(14)? + at(15)?, of_children: at(16)? + at(17)? })
}

/// The resident memory of a process, in MB (a million bytes).
pub fn resident_mb(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kibibytes.map_or(f64::NAN, |kibibytes| kibibytes * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_after_a_name_with_any_text() {
        let text = "77 (a b) c) S 5 77 77 0 -1 0 1 2 3 4 100 20 7 3 20 0 1 0 99 1000 10";
        assert_eq!(read_stat(text), Some(Stat { parent: 5, own: 120, of_children: 10 }));
        assert_eq!(read_stat("nothing"), None);
    }

    #[test]
    fn only_sockets_that_listen_on_the_port_count() {
        let table = "  sl  local_address rem_address   st …\n\
             0: 0100007F:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0\n\
             1: 0100007F:2384 0100007F:2384 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0\n\
             2: 0100007F:2385 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0\n";
        assert_eq!(listening(table, 0x2384), ["4711"]);
    }

    #[test]
    fn this_process_is_found_by_its_port_and_has_cpu_time_and_memory() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let own = std::process::id();
        assert_eq!(listener(socket.local_addr().unwrap().port()).unwrap(), own);
        let before = cpu_seconds(own);
        while cpu_seconds(own) < before + 0.02 {}
        assert!(resident_mb(own) > 1.0);
    }
}
