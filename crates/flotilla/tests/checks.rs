//! Tests of `flotilla audit` and `flotilla chaos`: the real command with a script as the declared program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const HARBOUR: &str = r#"
name = "harbour"
[gateway]
port = 7000
routes = "routes.toml"
[[context]]
name = "crane"
package = "crane-service"
binary = "crane"
port = 7001
[[context]]
name = "tug-boat"
package = "boat-service"
binary = "boat"
port = 7002
"#;

/// The description of a fleet and its binaries, in one folder.
#[cfg(test)]
struct Harbour(TempDir);

#[cfg(test)]
impl Harbour {
    /// A fleet that declares no checks.
    fn lawless() -> Self {
        let harbour = Self(TempDir::with_prefix("flotilla #1 50% %41 ?é'\"{gateway}$HOME").unwrap());
        fs::write(harbour.path("fleet.toml"), HARBOUR).unwrap();
        fs::write(harbour.path("routes.toml"), "# none\n").unwrap();
        fs::create_dir(harbour.path("bin")).unwrap();
        harbour
    }

    /// A fleet that declares both checks; each runs the script of the test.
    fn new() -> Self {
        let harbour = Self::lawless();
        let check = |name| format!("[{name}]\npackage = \"harbour-{name}\"\nbinary = \"{name}-it\"\n");
        let manifest = format!("{HARBOUR}{}{}", check("audit"), check("chaos"));
        fs::write(harbour.path("fleet.toml"), manifest).unwrap();
        for name in ["audit", "chaos"] {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/script.sh");
            std::os::unix::fs::symlink(script, harbour.path(&format!("bin/{name}-it"))).unwrap();
        }
        harbour
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }
}

#[cfg(test)]
fn run(harbour: &Harbour, script: &str, arguments: &[&str]) -> Output {
    let mut flotilla = Command::new(env!("CARGO_BIN_EXE_flotilla"));
    flotilla.args(arguments).env("SCRIPT", script);
    flotilla.env("FLOTILLA_FLEET", harbour.path("fleet.toml")).env("FLOTILLA_BINARIES", harbour.path("bin"));
    flotilla.env("FLOTILLA_DIR", harbour.path("data")).output().unwrap()
}

#[cfg(test)]
fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_auditor_learns_where_all_is_by_its_environment_and_gets_what_is_left_of_the_command_line() {
    let harbour = Harbour::new();
    let script = "echo $FLEET $KAFKA_BROKERS $STORE_URL_CRANE $STORE_URL_TUG_BOAT \"$@\"";
    let arguments =
        ["audit", "--kafka", "k:1", "--store", "postgres://me:secret@h/{context}", "--wait", "1s", "--json"];
    let output = run(&harbour, script, &arguments);
    let expected = "harbour k:1 postgres://me:secret@h/crane postgres://me:secret@h/tug-boat --wait 1s --json\n";
    assert_eq!((text(&output.stdout).as_str(), text(&output.stderr).as_str()), (expected, ""));
}

#[test]
fn how_the_auditor_ends_is_how_the_command_ends() {
    let harbour = Harbour::new();
    for code in 0..4 {
        assert_eq!(run(&harbour, &format!("exit {code}"), &["audit"]).status.code(), Some(code));
    }
    assert_eq!(run(&harbour, "kill -9 $$", &["audit"]).status.code(), Some(2));
}

#[test]
fn chaos_gets_the_fleet_and_the_binaries() {
    let harbour = Harbour::new();
    let output = run(&harbour, "echo \"$@\"; exit 1", &["chaos", "--minutes", "2"]);
    let (file, binaries) = (harbour.path("fleet.toml"), harbour.path("bin"));
    let expected = format!("--manifest {} --binaries {} --minutes 2\n", file.display(), binaries.display());
    assert_eq!((text(&output.stdout), output.status.code()), (expected, Some(1)));
}

#[test]
fn a_fleet_that_declares_no_laws_or_whose_auditor_is_missing_is_one_line() {
    let harbour = Harbour::new();
    fs::remove_file(harbour.path("bin/audit-it")).unwrap();
    let missing = run(&harbour, "", &["audit"]);
    let expected = format!("flotilla: missing in {}: audit-it\n", harbour.path("bin").display());
    assert_eq!((text(&missing.stderr), missing.status.code()), (expected, Some(2)));
    let lawless = run(&Harbour::lawless(), "", &["audit"]);
    let expected = "flotilla: the fleet harbour declares no audit: its fleet.toml has no [audit]\n";
    assert_eq!((text(&lawless.stderr).as_str(), lawless.status.code()), (expected, Some(2)));
}
