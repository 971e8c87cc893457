//! Where the binaries of a fleet are; in the workspace they are built first.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::{env, fs, io};

use tokio::process::Command;

use crate::manifest::Check;
use crate::plan::{Plan, Role};

/// Where binaries come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This command was built by cargo in its workspace: cargo builds the others too, into the same folder.
    Workspace {
        /// The folder of the workspace.
        root: PathBuf,
        /// The folder of this command, such as `target/release`.
        folder: PathBuf,
    },
    /// They are in this folder already.
    Folder(PathBuf),
}

/// Why there are no binaries.
#[derive(Debug, thiserror::Error)]
pub enum BinariesError {
    /// It is not known where this command is.
    #[error("it is not known where this command is: {0}")]
    Unknown(#[source] io::Error),
    /// Cargo is not there.
    #[error("cargo cannot be started: {0}")]
    Cargo(#[source] io::Error),
    /// Cargo has said why.
    #[error("the build failed ({0})")]
    Build(ExitStatus),
    /// Some are not where they should be.
    #[error("missing in {}: {names}", folder.display())]
    Missing {
        /// Where they should be.
        folder: PathBuf,
        /// Which.
        names: String,
    },
}

impl Origin {
    /// The folder that was chosen, or else wherever this command belongs.
    pub fn of_this_command(chosen: Option<PathBuf>) -> Result<Self, BinariesError> {
        if let Some(folder) = chosen {
            return Ok(Self::Folder(folder));
        }
        let exe = env::current_exe().and_then(fs::canonicalize).map_err(BinariesError::Unknown)?;
        Ok(Self::of(&exe, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")))
    }

    /// Cargo marks the folders it builds into: a command outside of them was installed.
    fn of(exe: &Path, workspace: &Path) -> Self {
        let folder = exe.parent().unwrap_or(exe).to_owned();
        let built = folder.ancestors().any(|ancestor| ancestor.join("CACHEDIR.TAG").is_file());
        match workspace.canonicalize() {
            Ok(root) if built && root.join("Cargo.toml").is_file() => Self::Workspace { root, folder },
            _ => Self::Folder(folder),
        }
    }

    /// Where the binaries are, or will be.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Workspace { folder, .. } | Self::Folder(folder) => folder,
        }
    }

    /// The workspace, if this is one.
    pub fn workspace(&self) -> Option<&Path> {
        match self {
            Self::Workspace { root, .. } => Some(root),
            Self::Folder(_) => None,
        }
    }
}

/// Has cargo build what the plan starts. Its progress goes to the terminal.
pub async fn build(root: &Path, folder: &Path, plan: &Plan) -> Result<(), BinariesError> {
    for selection in selections(plan) {
        cargo_build(root, folder, &selection).await?;
    }
    Ok(())
}

/// Has cargo build a program that belongs to no plan, as it builds the services.
pub async fn build_check(root: &Path, folder: &Path, check: &Check) -> Result<(), BinariesError> {
    cargo_build(root, folder, &["--bin", &check.binary]).await
}

async fn cargo_build(root: &Path, folder: &Path, selection: &[&str]) -> Result<(), BinariesError> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(arguments(folder, selection)).stdin(Stdio::null()).kill_on_drop(true);
    for (name, _) in env::vars_os().filter(|(name, _)| describes_a_package(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    let status = cargo.status().await.map_err(BinariesError::Cargo)?;
    if status.success() { Ok(()) } else { Err(BinariesError::Build(status)) }
}

/// Whether this variable says for which package cargo has started this command. Build scripts look at such variables: the
/// crate ring, and all that stands on it, would be built again whenever another package asks for them.
fn describes_a_package(name: &str) -> bool {
    name == "OUT_DIR"
        || ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|p| name.starts_with(p))
}

/// What cargo is asked for, one after the other: it unites the features of all packages that it is asked for at once.
///
/// The binaries of the services are named without their packages: then all default members count, as they did when
/// `cargo run` built this command, and what they have in common is not built again. The broker is no default member: with
/// its features, the HTTP client of a service would expect a TLS provider, which no service has, and panic at its start.
fn selections(plan: &Plan) -> Vec<Vec<&str>> {
    let (brokers, services): (Vec<_>, Vec<_>) = plan.processes.iter().partition(|process| process.role == Role::Broker);
    let binaries: BTreeSet<&str> =
        services.iter().filter_map(|process| process.program.file_name()?.to_str()).collect();
    let packages: BTreeSet<&str> = brokers.iter().map(|process| process.package.as_str()).collect();
    let services = binaries.into_iter().flat_map(|binary| ["--bin", binary]).collect();
    let brokers = packages.into_iter().flat_map(|package| ["--bins", "--package", package]).collect();
    [services, brokers].into_iter().filter(|selection: &Vec<&str>| !selection.is_empty()).collect()
}

/// The same profile and the same folder as this command has, so that everything fits together.
fn arguments(folder: &Path, selection: &[&str]) -> Vec<String> {
    let profile = match folder.file_name().map(|name| name.to_string_lossy()) {
        None => "release".into(),
        Some(name) if name == "debug" => "dev".into(),
        Some(name) => name,
    };
    let mut arguments = vec!["build".to_owned(), "--profile".to_owned(), profile.into_owned()];
    if let Some(target) = folder.parent() {
        arguments.extend(["--target-dir".to_owned(), target.display().to_string()]);
    }
    arguments.extend(selection.iter().map(|argument| (*argument).to_owned()));
    arguments
}

/// Whether everything that the plan starts is there.
pub fn check(plan: &Plan, folder: &Path) -> Result<(), BinariesError> {
    let missing = plan.processes.iter().filter(|process| !process.program.is_file());
    let names = missing.filter_map(|process| process.program.file_name()).map(|name| name.to_string_lossy());
    let names = names.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
    if names.is_empty() { Ok(()) } else { Err(BinariesError::Missing { folder: folder.to_owned(), names }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Broker, Settings};

    #[test]
    fn a_command_in_a_folder_of_cargo_builds_and_an_installed_one_does_not() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        let exe = root.join("target/release/flotilla");
        fs::create_dir_all(root.join("target/release")).unwrap();
        fs::write(root.join("Cargo.toml"), "").unwrap();
        assert_eq!(Origin::of(&exe, &root), Origin::Folder(root.join("target/release")));
        fs::write(root.join("target/CACHEDIR.TAG"), "").unwrap();
        let folder = root.join("target/release");
        assert_eq!(Origin::of(&exe, &root), Origin::Workspace { root: root.clone(), folder: folder.clone() });
        assert_eq!(Origin::of(&exe, &root.join("gone")), Origin::Folder(folder));
    }

    #[test]
    fn cargo_is_not_told_which_package_asks_but_keeps_its_settings() {
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_LINKS", "CARGO_CRATE_NAME", "OUT_DIR"] {
            assert!(describes_a_package(name), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE", "CARGO_BUILD_JOBS", "PATH"] {
            assert!(!describes_a_package(name), "{name}");
        }
    }

    #[test]
    fn the_broker_is_never_built_together_with_a_service() {
        let fleet = crate::fleets::find(None, None).unwrap();
        let mut settings = Settings::embedded("/data", "/bin");
        let told = |settings: &Settings| {
            let plan = Plan::new(&fleet, settings).unwrap();
            selections(&plan).iter().map(|selection| selection.join(" ")).collect::<Vec<_>>()
        };
        let [services, broker] = told(&settings).try_into().unwrap();
        assert!(services.starts_with("--bin gateway --bin ") && !services.contains("broker"), "{services}");
        assert_eq!(broker, "--bins --package embedded-broker");
        settings.broker = Broker::External("k:9092".to_owned());
        assert_eq!(told(&settings), [services]);
    }

    #[test]
    fn the_others_are_built_with_the_profile_and_into_the_folder_of_this_command() {
        let told = |folder: &str| arguments(Path::new(folder), &["--bin", "crane"]).join(" ");
        assert_eq!(told("/t/release"), "build --profile release --target-dir /t --bin crane");
        assert!(told("/t/debug").starts_with("build --profile dev --target-dir /t "));
    }
}
