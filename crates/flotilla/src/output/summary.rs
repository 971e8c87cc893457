//! The lines that `flotilla up` prints.

use std::fmt::Display;
use std::time::Duration;

use crate::output::screen::millis;
use crate::plan::{Auth, Plan, ProcessSpec, Ready};

/// The warning of a fleet without authentication.
const NO_AUTHENTICATION: &str =
    "authentication is disabled, the gateway accepts every caller. `flotilla up --auth` enables authentication";

/// The line of a process that has become ready.
pub fn ready_line(spec: &ProcessSpec, after: Duration) -> String {
    process_line(spec, format_args!("ready after {:>8}  {}", millis(after), address(spec)))
}

/// A line about a process.
pub fn process_line(spec: &ProcessSpec, text: impl Display) -> String {
    format!("  {:<12} {text}", spec.name)
}

/// What a user needs to know once all processes are ready.
pub fn startup_summary(plan: &Plan, after: Duration) -> String {
    let (fleet, dir) = (&plan.fleet, plan.dir.display());
    let mut lines = vec![String::new(), format!("The fleet {fleet} is up after {}.", millis(after)), String::new()];
    lines.extend(plan.processes.iter().map(|process| process_line(process, address(process))));
    if !plan.tries.is_empty() {
        lines.extend([String::new(), "Try:".to_owned()]);
    }
    lines.extend(plan.tries.iter().map(|example| format!("  # {}\n  {}", example.description, example.curl)));
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
        None => lines.push(format!("INSECURE: {NO_AUTHENTICATION}")),
    }
    lines.extend(plan.warnings.iter().map(|warning| format!("INSECURE: {warning}")));
    lines.push("Ctrl-C stops it all; the next start finds all that was there.".to_owned());
    lines.join("\n")
}

fn address(spec: &ProcessSpec) -> String {
    match &spec.ready {
        Ready::Accepts => spec.listen.to_string(),
        Ready::Answers(_) => spec.url(),
    }
}
