//! The binaries of a fleet. In the workspace, cargo builds them first.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::{env, fs, io};

use tokio::process::Command;

use crate::describe::role::Role;
use crate::plan::fleet_plan::Plan;
use crate::plan::process_spec::Setup;
use manifest::{Check, UNAVAILABLE};

/// The origin of the binaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Cargo built this command in its workspace, and builds the other binaries into the same folder.
    Workspace {
        /// The folder of the workspace.
        root: PathBuf,
        /// The folder of this command, such as `target/release`.
        folder: PathBuf,
    },
    /// The binaries exist in this folder.
    Folder(PathBuf),
}

/// Why binaries are missing.
#[derive(Debug, thiserror::Error)]
pub enum BinariesError {
    /// The path of this command is unknown.
    #[error("it is not known where this command is: {0}")]
    Unknown(#[source] io::Error),
    /// Cargo cannot be started.
    #[error("cargo cannot be started: {0}")]
    Cargo(#[source] io::Error),
    /// The build failed; cargo has printed the reason.
    #[error("the build failed ({0})")]
    Build(ExitStatus),
    /// A program that cargo does not build cannot be made; its script has printed the reason.
    #[error("{}: {source}", script.display())]
    Setup {
        /// The script.
        script: PathBuf,
        /// How it ended.
        source: io::Error,
    },
    /// Binaries are missing in their folder.
    #[error("missing in {}: {names}", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The names of the missing binaries.
        names: String,
    },
}

impl Origin {
    /// The chosen folder; by default the origin of this command.
    pub fn of_this_command(chosen: Option<PathBuf>) -> Result<Self, BinariesError> {
        if let Some(folder) = chosen {
            return Ok(Self::Folder(folder));
        }
        let exe = env::current_exe().and_then(fs::canonicalize).map_err(BinariesError::Unknown)?;
        Ok(Self::of(&exe, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")))
    }

    /// Cargo marks its target folders with `CACHEDIR.TAG`. A command outside of them was installed.
    fn of(exe: &Path, workspace: &Path) -> Self {
        let folder = exe.parent().unwrap_or(exe).to_owned();
        let built = folder.ancestors().any(|ancestor| ancestor.join("CACHEDIR.TAG").is_file());
        match workspace.canonicalize() {
            Ok(root) if built && root.join("Cargo.toml").is_file() => Self::Workspace { root, folder },
            _ => Self::Folder(folder),
        }
    }

    /// The folder of the binaries, which may not be built yet.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Workspace { folder, .. } | Self::Folder(folder) => folder,
        }
    }

    /// The root of the workspace, if the binaries are built in one.
    pub fn workspace(&self) -> Option<&Path> {
        match self {
            Self::Workspace { root, .. } => Some(root),
            Self::Folder(_) => None,
        }
    }
}

/// Builds the binaries of a plan with cargo. Cargo prints its progress to the terminal.
pub async fn build(root: &Path, folder: &Path, plan: &Plan) -> Result<(), BinariesError> {
    for selection in selections(plan) {
        cargo_build(root, folder, &selection).await?;
    }
    Ok(())
}

/// Makes the programs of a plan that cargo does not build. Removes those processes from the plan that can be left out on a
/// machine that lacks what their programs need, and returns their names.
pub async fn set_up(plan: &mut Plan) -> Result<Vec<String>, BinariesError> {
    let mut left_out = Vec::new();
    for process in &plan.processes {
        if let Some(setup) = &process.setup
            && !run_setup(setup).await?
        {
            left_out.push(process.name.clone());
        }
    }
    plan.processes.retain(|process| !left_out.contains(&process.name));
    Ok(left_out)
}

/// Makes the programs of a plan that cargo does not build, and puts them among the binaries: for the fleets of a test, which
/// have folders of their own. Returns the names of those that this machine cannot make.
pub async fn set_up_among(binaries: &Path, plan: &Plan) -> Result<Vec<String>, BinariesError> {
    let mut missing = Vec::new();
    for setup in plan.processes.iter().filter_map(|process| process.setup.as_ref().zip(process.program.file_name())) {
        let (setup, name) = setup;
        let hidden = format!(".{}", name.to_string_lossy());
        let made = Setup { folder: binaries.join(&hidden), ..setup.clone() };
        if run_setup(&made).await? {
            let link = binaries.join(name);
            // It links to nothing, or the program would not have been made.
            if link.is_symlink() {
                fs::remove_file(&link).map_err(failed(setup))?;
            }
            symlink(Path::new(&hidden).join(name), link).map_err(failed(setup))?;
        } else {
            missing.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(missing)
}

/// Runs a setup, which prints its progress to the terminal. `false`: the program is left out.
async fn run_setup(setup: &Setup) -> Result<bool, BinariesError> {
    let mut command = Command::new(&setup.script);
    command.arg(&setup.folder).stdin(Stdio::null()).kill_on_drop(true);
    let status = command.status().await.map_err(failed(setup))?;
    if status.code() == Some(UNAVAILABLE) && setup.is_optional {
        return Ok(false);
    }
    if status.success() { Ok(true) } else { Err(failed(setup)(io::Error::other(status.to_string()))) }
}

fn failed(setup: &Setup) -> impl Fn(io::Error) -> BinariesError {
    move |source| BinariesError::Setup { script: setup.script.clone(), source }
}

/// Builds the program of a check with cargo.
pub async fn build_check(root: &Path, folder: &Path, check: &Check) -> Result<(), BinariesError> {
    cargo_build(root, folder, &["--bin", &check.binary]).await
}

async fn cargo_build(root: &Path, folder: &Path, selection: &[&str]) -> Result<(), BinariesError> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(arguments(folder, selection)).stdin(Stdio::null()).kill_on_drop(true);
    for (name, _) in env::vars_os().filter(|(name, _)| is_package_variable(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    let status = cargo.status().await.map_err(BinariesError::Cargo)?;
    if status.success() { Ok(()) } else { Err(BinariesError::Build(status)) }
}

/// Whether cargo sets this variable for one package. Build scripts read such variables: an inherited value would rebuild
/// the crate `ring` and all its dependents.
fn is_package_variable(name: &str) -> bool {
    name == "OUT_DIR"
        || ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|p| name.starts_with(p))
}

/// The targets of each call of cargo. Cargo unifies the features of all packages in one call.
///
/// The binaries of the services are selected without their packages: cargo then uses the features of all default members,
/// as `cargo run` did for this command, and rebuilds no dependency. The broker is built in its own call: with its features
/// the HTTP client of a service would need a TLS provider, which no service installs, and would panic.
fn selections(plan: &Plan) -> Vec<Vec<&str>> {
    let (brokers, services): (Vec<_>, Vec<_>) = plan.processes.iter().partition(|process| process.role == Role::Broker);
    let binaries: BTreeSet<&str> = services
        .iter()
        .filter(|process| process.setup.is_none())
        .filter_map(|process| process.program.file_name()?.to_str())
        .collect();
    let packages: BTreeSet<&str> = brokers.iter().map(|process| process.package.as_str()).collect();
    let services = binaries.into_iter().flat_map(|binary| ["--bin", binary]).collect();
    let brokers = packages.into_iter().flat_map(|package| ["--bins", "--package", package]).collect();
    [services, brokers].into_iter().filter(|selection: &Vec<&str>| !selection.is_empty()).collect()
}

/// The arguments of cargo: the profile and the target folder of this command.
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

/// Fails if a binary of the plan is missing.
pub fn check(plan: &Plan, folder: &Path) -> Result<(), BinariesError> {
    let missing = plan.processes.iter().filter(|process| !process.program.is_file());
    let names = missing.filter_map(|process| process.program.file_name()).map(|name| name.to_string_lossy());
    let names = names.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
    if names.is_empty() { Ok(()) } else { Err(BinariesError::Missing { folder: folder.to_owned(), names }) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::plan::settings::{Broker, Settings};

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

    #[tokio::test]
    async fn a_program_is_left_out_where_its_setup_says_so_unless_the_fleet_needs_it() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("made");
        for (code, is_optional, outcome) in
            [("0", false, Ok(true)), ("69", true, Ok(false)), ("69", false, Err(())), ("1", true, Err(()))]
        {
            let script = place.path().join("setup");
            fs::write(&script, format!("#!/bin/sh\nmkdir -p \"$1\"\nexit {code}\n")).unwrap();
            fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
            let setup = Setup { script, folder: folder.clone(), is_optional };
            assert_eq!(run_setup(&setup).await.map_err(drop), outcome, "{code}");
            assert!(folder.is_dir());
        }
    }

    /// A plan with two processes whose setups end with these codes, in `place`.
    fn plan_with_setups(place: &Path, codes: [(&str, i32); 2]) -> Plan {
        let fleet = crate::describe::fleets::find(None, None).unwrap();
        let mut plan = Plan::new(&fleet, &Settings::embedded("/data", "/bin")).unwrap();
        plan.processes.truncate(codes.len());
        for (process, (name, code)) in plan.processes.iter_mut().zip(codes) {
            let script = place.join(format!("{name}.setup"));
            fs::write(&script, format!("#!/bin/sh\nmkdir -p \"$1\" && echo made >\"$1/{name}\"\nexit {code}\n"))
                .unwrap();
            fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
            let folder = place.join(name);
            name.clone_into(&mut process.name);
            process.program = folder.join(name);
            process.setup = Some(Setup { script, folder, is_optional: true });
        }
        plan
    }

    #[tokio::test]
    async fn a_process_whose_program_cannot_be_made_leaves_the_plan() {
        let place = tempfile::tempdir().unwrap();
        let mut plan = plan_with_setups(place.path(), [("boat", 0), ("crane", 69)]);
        assert_eq!(set_up(&mut plan).await.unwrap(), ["crane"]);
        assert_eq!(plan.processes.iter().map(|process| &process.name).collect::<Vec<_>>(), ["boat"]);
        assert!(plan.processes[0].program.is_file());
    }

    #[tokio::test]
    async fn a_program_that_is_made_for_tests_is_among_the_binaries_and_a_link_to_nothing_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        let plan = plan_with_setups(place.path(), [("boat", 0), ("crane", 69)]);
        let binaries = place.path().join("bin");
        fs::create_dir(&binaries).unwrap();
        symlink(place.path().join("nothing"), binaries.join("boat")).unwrap();
        assert_eq!(set_up_among(&binaries, &plan).await.unwrap(), ["crane"]);
        assert_eq!(fs::read_to_string(binaries.join("boat")).unwrap(), "made\n");
        assert!(!binaries.join("crane").exists());
    }

    #[test]
    fn package_variables_are_not_passed_to_cargo_but_its_settings_are() {
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_LINKS", "CARGO_CRATE_NAME", "OUT_DIR"] {
            assert!(is_package_variable(name), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE", "CARGO_BUILD_JOBS", "PATH"] {
            assert!(!is_package_variable(name), "{name}");
        }
    }

    #[test]
    fn the_broker_is_never_built_together_with_a_service() {
        let fleet = crate::describe::fleets::find(None, None).unwrap();
        let mut settings = Settings::embedded("/data", "/bin");
        let printed = |settings: &Settings| {
            let plan = Plan::new(&fleet, settings).unwrap();
            selections(&plan).iter().map(|selection| selection.join(" ")).collect::<Vec<_>>()
        };
        let [services, broker] = printed(&settings).try_into().unwrap();
        assert!(services.starts_with("--bin gateway --bin ") && !services.contains("broker"), "{services}");
        assert_eq!(broker, "--bins --package embedded-broker");
        settings.broker = Broker::External("k:9092".to_owned());
        assert_eq!(printed(&settings), [services]);
    }

    #[test]
    fn the_others_are_built_with_the_profile_and_into_the_folder_of_this_command() {
        let joined = |folder: &str| arguments(Path::new(folder), &["--bin", "crane"]).join(" ");
        assert_eq!(joined("/t/release"), "build --profile release --target-dir /t --bin crane");
        assert!(joined("/t/debug").starts_with("build --profile dev --target-dir /t "));
    }
}
