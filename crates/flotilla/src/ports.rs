//! Whether every port is free, before anything is started.

use std::io;
use std::net::TcpListener;

use crate::manifest::BROKER;
use crate::plan::ProcessSpec;

/// Ports that cannot be had, in one line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}. Others can be chosen with {hint}", taken.join(", "))]
pub struct Taken {
    taken: Vec<String>,
    hint: &'static str,
}

/// Tries every port once.
pub fn check(processes: &[ProcessSpec]) -> Result<(), Taken> {
    let taken = processes.iter().filter_map(|spec| trouble(spec).map(|trouble| (spec, trouble)));
    let (names, taken): (Vec<_>, Vec<_>) = taken.map(|(spec, trouble)| (spec.name.as_str(), trouble)).unzip();
    match names[..] {
        [] => Ok(()),
        [BROKER] => Err(Taken { taken, hint: "--broker-port (or use what runs there: --kafka)" }),
        _ => Err(Taken { taken, hint: "--port-offset" }),
    }
}

fn trouble(spec: &ProcessSpec) -> Option<String> {
    let (name, address) = (&spec.name, spec.listen);
    match TcpListener::bind(address) {
        Ok(_) => None,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Some(format!("port {} ({name}) is taken", address.port()))
        }
        Err(error) => Some(format!("{address} ({name}) cannot be listened on: {error}")),
    }
}
