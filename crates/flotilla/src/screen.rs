//! What the user sees.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::plan::{Auth, Plan, ProcessSpec, Ready};

/// What a fleet without identity is.
const OPEN: &str = "the gateway lets in anyone who reaches it, as everyone. `flotilla up --auth` asks who it is";

/// Where the lines for the user go. Clones write to the same place.
#[derive(Clone)]
pub struct Screen(Arc<Mutex<dyn Write + Send>>);

impl Screen {
    /// The terminal, or whatever stdout is.
    pub fn stdout() -> Self {
        Self::to(io::stdout())
    }

    /// Where errors go.
    pub fn stderr() -> Self {
        Self::to(io::stderr())
    }

    /// Any other place.
    pub fn to(place: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(place)))
    }

    /// Writes one line. A terminal that went away is no reason to stop a fleet.
    pub fn line(&self, line: impl Display) {
        let _gone = self.try_line(line);
    }

    /// Writes one line, unless whoever reads it has gone away.
    pub fn try_line(&self, line: impl Display) -> io::Result<()> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(place, "{line}").and_then(|()| place.flush())
    }
}

/// Milliseconds are what people compare when something starts.
pub fn millis(span: Duration) -> String {
    format!("{} ms", span.as_millis())
}

/// That a process has become ready.
pub fn ready(spec: &ProcessSpec, after: Duration) -> String {
    about(spec, format_args!("ready after {:>8}  {}", millis(after), address(spec)))
}

/// Whatever else happens to a process.
pub fn about(spec: &ProcessSpec, what: impl Display) -> String {
    format!("  {:<10} {what}", spec.name)
}

/// What a user needs to know once everything runs.
pub fn welcome(plan: &Plan, after: Duration) -> String {
    let (fleet, dir) = (&plan.fleet, plan.dir.display());
    let mut lines = vec![String::new(), format!("The fleet {fleet} is up after {}.", millis(after)), String::new()];
    lines.extend(plan.processes.iter().map(|process| about(process, address(process))));
    if !plan.tries.is_empty() {
        lines.extend([String::new(), "Try:".to_owned()]);
    }
    lines.extend(plan.tries.iter().map(|one| format!("  # {}\n  {}", one.say, one.curl)));
    lines.extend([String::new(), format!("Logs:   {dir}/<name>/log.txt")]);
    if plan.processes.iter().any(|process| process.env.get("STORE_URL").is_some_and(|url| url.starts_with("sqlite:"))) {
        lines.push(format!("Stores: {dir}/<name>/store.db"));
    }
    match &plan.auth {
        Some(Auth { token_command, issuer }) => {
            lines.push(match issuer {
                Some(issuer) => format!("Tokens: of {issuer}; put one into TOKEN"),
                None => format!("Tokens: {token_command} --role ROLE --name NAME"),
            });
            lines.push(format!("Keys:   {}", plan.keyring.folder.display()));
        }
        None => lines.push(format!("OPEN: {OPEN}")),
    }
    lines.extend(plan.open.iter().map(|open| format!("OPEN: {open}")));
    lines.push("Ctrl-C stops it all; the next start finds all that was there.".to_owned());
    lines.join("\n")
}

fn address(spec: &ProcessSpec) -> String {
    match &spec.ready {
        Ready::Accepts => spec.listen.to_string(),
        Ready::Answers(_) => spec.url(),
    }
}
