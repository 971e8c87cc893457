//! A fleet of stub services, run by the real command.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use flotilla::pid_file::ProcessIdentity;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const DEADLINE: Duration = Duration::from_secs(30);
/// Below the ephemeral ports of the kernel.
static NEXT_PORT: AtomicU16 = AtomicU16::new(21_000);

/// The names of all processes.
pub const ALL: [&str; 4] = ["broker", "crane", "boat", "gateway"];

/// A fleet with the contexts `crane` and `boat`, in its own folder and on its own ports.
pub struct Harbour {
    folder: TempDir,
    /// In the order of [`ALL`].
    pub ports: [u16; 4],
}

impl Harbour {
    /// `crane` gets this `PRETEND`; all other services are healthy.
    pub fn where_crane_is(pretend: &str) -> Self {
        // The name of a folder may contain any characters.
        let folder = TempDir::with_prefix("flotilla #1 50% %41 ?é'\"{gateway}$HOME").unwrap();
        let harbour = Self { folder, ports: std::array::from_fn(|_| free_port()) };
        let [_, crane, boat, gateway] = harbour.ports;
        let context = |name, port| {
            format!(
                "[[context]]\nname = \"{name}\"\npackage = \"{name}-service\"\nbinary = \"{name}\"\nport = {port}\n"
            )
        };
        let manifest = format!(
            "name = \"harbour\"\n[gateway]\nport = {gateway}\nroutes = \"routes.toml\"\n\
             {}env = {{ PRETEND = \"{pretend}\" }}\n{}[[try]]\nsay = \"lift it\"\ncurl = \"curl {{gateway}}/lifts\"\n\
             as = {{ name = \"kim\", role = \"clerk\" }}\n",
            context("crane", crane),
            context("boat", boat)
        );
        fs::write(harbour.path("fleet.toml"), manifest).unwrap();
        fs::write(harbour.path("routes.toml"), "# none\n").unwrap();
        fs::create_dir(harbour.path("bin")).unwrap();
        for binary in ["flotilla-broker", "crane", "boat", "gateway"] {
            let link = harbour.path("bin").join(binary);
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_pretend-service"), link).unwrap();
        }
        harbour
    }

    pub fn well() -> Self {
        Self::where_crane_is("")
    }

    /// A healthy fleet whose ports plus 100 no other test gets.
    pub fn with_room_above() -> Self {
        let harbour = Self::well();
        NEXT_PORT.fetch_add(200, Ordering::SeqCst);
        harbour
    }

    /// The declared port of a process.
    pub fn port(&self, name: &str) -> u16 {
        self.ports[ALL.iter().position(|known| *known == name).unwrap()]
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// Starts `flotilla up` with additional arguments. Its output goes to files with this number.
    pub fn up(&self, number: u32, arguments: &[&str]) -> Flotilla {
        let (screen, errors) = (self.path(&format!("screen-{number}")), self.path(&format!("errors-{number}")));
        let child = self
            .command("up", arguments)
            .stdout(File::create(&screen).unwrap())
            .stderr(File::create(&errors).unwrap())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Flotilla { child, screen, errors }
    }

    /// Runs another command to its end. Returns what it prints.
    pub async fn run(&self, command: &str, arguments: &[&str]) -> String {
        let output = timeout(DEADLINE, self.command(command, arguments).output()).await.unwrap().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// A command on this fleet; the arguments replace the folder and the port of the broker.
    fn command(&self, command: &str, arguments: &[&str]) -> Command {
        let mut process = Command::new(env!("CARGO_BIN_EXE_flotilla"));
        process
            .arg(command)
            .args(["--fleet".as_ref(), self.path("fleet.toml").as_os_str()])
            .args(["--binaries".as_ref(), self.path("bin").as_os_str()])
            .args(arguments)
            .env("FLOTILLA_BROKER_PORT", self.ports[0].to_string())
            .env("FLOTILLA_DIR", self.path("data"));
        process
    }

    /// The running processes, from the PID file.
    pub fn running(&self) -> Vec<(String, ProcessIdentity)> {
        let text = fs::read_to_string(self.path("data/pids")).unwrap_or_default();
        let line = |line: &str| {
            let mut parts = line.split(' ');
            let (name, pid) = (parts.next()?, parts.next()?.parse().ok()?);
            Some((name.to_owned(), ProcessIdentity::of(pid)?))
        };
        text.lines().filter_map(line).collect()
    }

    pub fn process(&self, name: &str) -> ProcessIdentity {
        self.running().into_iter().find(|(running, _)| running == name).unwrap().1
    }

    /// Asserts that no process, no bound port, no lock file and no PID file is left.
    pub async fn is_left_clean(&self, processes: &[(String, ProcessIdentity)]) {
        until("all processes are gone", || processes.iter().all(|(_, process)| !process.is_alive())).await;
        for port in self.ports {
            TcpListener::bind(("127.0.0.1", port)).unwrap();
        }
        assert!(!self.path("data/lock").exists());
        assert!(!self.path("data/pids").exists());
    }
}

/// A running command.
pub struct Flotilla {
    child: Child,
    screen: PathBuf,
    errors: PathBuf,
}

impl Flotilla {
    pub fn screen(&self) -> String {
        fs::read_to_string(&self.screen).unwrap()
    }

    pub fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap()
    }

    pub async fn shows(&self, text: &str) {
        until(&format!("the screen shows {text:?}"), || self.screen().contains(text)).await;
    }

    pub async fn is_up(&self) {
        self.shows("Ctrl-C stops it all;").await;
    }

    /// Sends SIGINT to the process group, as a terminal does.
    pub fn ctrl_c(&self) {
        kill_process_group(self.pid(), Signal::INT).unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub async fn ended(&mut self) -> ExitStatus {
        let ended = timeout(DEADLINE, self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("it still runs:\n{}", self.screen())).unwrap()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap()
    }
}

pub fn kill_9(process: &ProcessIdentity) {
    kill_process(Pid::from_raw(process.pid).unwrap(), Signal::KILL).unwrap();
}

pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let met = timeout(DEADLINE, async {
        while !condition() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(met.await.is_ok(), "not within {DEADLINE:?}: {what}");
}

/// The paths in a folder, and the folder itself, that other users may access.
pub fn open_to_others(path: &Path) -> Vec<String> {
    let mode = fs::symlink_metadata(path).unwrap().permissions().mode();
    let mut open = Vec::new();
    if mode & 0o077 != 0 {
        open.push(format!("{}: {mode:o}", path.display()));
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            open.extend(open_to_others(&entry.unwrap().path()));
        }
    }
    open
}

fn free_port() -> u16 {
    loop {
        let port = NEXT_PORT.fetch_add(1, Ordering::SeqCst);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
