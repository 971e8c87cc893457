//! The ports of a fleet: whether they are free, and the offset that a running fleet uses.
//!
//! `flotilla up` keeps the offset in the folder of the fleet, so that the other commands find the fleet without an argument.

use std::net::TcpListener;
use std::path::Path;
use std::{fs, io};

use crate::plan::process_spec::ProcessSpec;
use manifest::BROKER;

/// The file with the offset, in the folder of a fleet.
const OFFSET_FILE: &str = "port-offset";

/// The ports that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}. Others can be chosen with {hint}", taken.join(", "))]
pub struct PortsError {
    taken: Vec<String>,
    hint: &'static str,
}

impl PortsError {
    /// The ports, without a hint.
    pub fn taken(&self) -> String {
        self.taken.join(", ")
    }
}

/// The offsets that `flotilla up` tries if ports are taken as they are declared.
pub fn offsets() -> impl Iterator<Item = u16> {
    (100..1000).step_by(100)
}

/// The offset of the last start in this folder; 0 if there was none.
pub fn kept_offset(dir: &Path) -> u16 {
    let text = fs::read_to_string(dir.join(OFFSET_FILE)).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// Keeps the offset of a start in this folder.
pub fn keep_offset(dir: &Path, offset: u16) -> io::Result<()> {
    files::write(&dir.join(OFFSET_FILE), &format!("{offset}\n"))
}

/// Binds every port once and releases it.
pub fn check(processes: &[ProcessSpec]) -> Result<(), PortsError> {
    let taken = processes.iter().filter_map(|spec| bind_error(spec).map(|error| (spec, error)));
    let (names, taken): (Vec<_>, Vec<_>) = taken.map(|(spec, error)| (spec.name.as_str(), error)).unzip();
    match names[..] {
        [] => Ok(()),
        [BROKER] => Err(PortsError { taken, hint: "--broker-port (or use what runs there: --kafka)" }),
        _ => Err(PortsError { taken, hint: "--port-offset" }),
    }
}

fn bind_error(spec: &ProcessSpec) -> Option<String> {
    let (name, address) = (&spec.name, spec.listen);
    match TcpListener::bind(address) {
        Ok(_) => None,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Some(format!("port {} ({name}) is taken", address.port()))
        }
        Err(error) => Some(format!("{address} ({name}) cannot be listened on: {error}")),
    }
}
