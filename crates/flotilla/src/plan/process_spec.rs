//! One process of a plan.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use files::Rotation;

use crate::describe::role::Role;

/// The address of the services and the broker: only the gateway is reachable from other machines.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The readiness check of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// The port accepts a connection.
    Accepts,
    /// A GET of this URL returns 200.
    Answers(String),
}

/// One process: its program, its environment and its readiness check.
#[derive(Clone, PartialEq, Eq)]
pub struct ProcessSpec {
    /// The name; unique in the plan.
    pub name: String,
    /// The role in the fleet.
    pub role: Role,
    /// The package of the binary.
    pub package: String,
    /// The path of the binary.
    pub program: PathBuf,
    /// How the program is made, if cargo does not build it.
    pub setup: Option<Setup>,
    /// Environment variables in addition to the inherited ones.
    pub env: BTreeMap<String, String>,
    /// The address that it listens on.
    pub listen: SocketAddr,
    /// The readiness check.
    pub ready: Ready,
    /// The folder of its log and store.
    pub folder: PathBuf,
    /// Size limit of the log, and how many rotated logs are kept.
    pub rotation: Rotation,
}

/// How a program is made that cargo does not build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// The script.
    pub script: PathBuf,
    /// The folder in which it leaves the program.
    pub folder: PathBuf,
    /// Whether the fleet runs without the process on a machine that lacks what the program needs.
    pub is_optional: bool,
}

impl ProcessSpec {
    /// The path of the log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log.txt")
    }

    /// The base URL.
    pub fn url(&self) -> String {
        url(self.listen)
    }
}

/// The readiness check of a service that listens on this address.
pub(crate) fn readyz(listen: SocketAddr) -> Ready {
    Ready::Answers(format!("{}/readyz", url(listen)))
}

/// The URL by which this machine reaches a listen address.
pub(crate) fn url(mut listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        listen.set_ip(LOOPBACK);
    }
    format!("http://{listen}")
}
