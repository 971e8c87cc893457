//! Checks before the start that every port is free.

use std::io;
use std::net::TcpListener;

use crate::plan::process_spec::ProcessSpec;
use manifest::BROKER;

/// The ports that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}. Others can be chosen with {hint}", taken.join(", "))]
pub struct PortsError {
    taken: Vec<String>,
    hint: &'static str,
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
