use std::env;
use std::ffi::OsString;

use clap::{Command, Parser};

/// Environment variables that have a new name. The old names are read for one more version.
pub(crate) const RENAMED: [(&str, &str); 8] = [
    ("PASS_KEY_FILE", "INTERNAL_TOKEN_PUBLIC_KEY_FILE"),
    ("PASS_SIGNING_KEY_FILE", "INTERNAL_TOKEN_SIGNING_KEY_FILE"),
    ("CALL_KEY_FILE", "SERVICE_SIGNING_KEY_FILE"),
    ("CALLER_KEY_FILE", "SERVICE_PUBLIC_KEY_FILE"),
    ("OUTBOX_WAVE", "OUTBOX_BATCH"),
    ("OUTBOX_WAVE_BYTES", "OUTBOX_BATCH_BYTES"),
    ("SETTLE_AFTER", "COMPENSATE_AFTER"),
    ("SETTLE_EVERY", "COMPENSATE_EVERY"),
];

/// Reads the settings of a process from its command line and its environment. Ends the process if they are invalid.
///
/// An old name of a variable stands for its new one, unless that is set too.
pub fn settings<S: Parser>() -> S {
    settings_by(S::command(), &[])
}

/// Like [`settings`], by a command that the process has extended, with further names that have changed: (old, new).
pub fn settings_by<S: Parser>(command: Command, renamed: &[(&'static str, &'static str)]) -> S {
    let command = accept_old_names(command, &RENAMED, |name| env::var_os(name));
    let matches = accept_old_names(command, renamed, |name| env::var_os(name)).get_matches();
    S::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// Logs a warning for each of these variables, (old, new), that is set by its old name.
pub fn warn_of_old_names(renamed: &[(&str, &str)]) {
    for (old, new) in renamed.iter().filter(|(old, _)| env::var_os(old).is_some()) {
        tracing::warn!("the environment variable {old} is now called {new}; the next version ignores the old name");
    }
}

fn accept_old_names(
    mut command: Command,
    renamed: &[(&'static str, &'static str)],
    variable: impl Fn(&str) -> Option<OsString>,
) -> Command {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    for (old, new) in renamed.iter().filter(|(old, new)| is_set(old) && !is_set(new)) {
        let named = |command: &Command| {
            command
                .get_arguments()
                .find(|argument| argument.get_env().is_some_and(|env| env == *new))
                .map(|a| a.get_id().clone())
        };
        if let Some(id) = named(&command) {
            command = command.mut_arg(id, |argument| argument.env(*old));
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[derive(Parser)]
    struct Settings {
        #[arg(long, env = "OUTBOX_BATCH", default_value = "500")]
        outbox_batch: u32,
    }

    fn variable_of(environment: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        let command = accept_old_names(Settings::command(), &RENAMED, variable);
        let batch = command.get_arguments().find(|argument| argument.get_id() == "outbox_batch").unwrap();
        batch.get_env().map(|name| name.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_variable_is_read_by_its_old_name_unless_the_new_one_is_set() {
        assert_eq!(variable_of(&[]).as_deref(), Some("OUTBOX_BATCH"));
        assert_eq!(variable_of(&[("OUTBOX_WAVE", "7")]).as_deref(), Some("OUTBOX_WAVE"));
        assert_eq!(variable_of(&[("OUTBOX_WAVE", "")]).as_deref(), Some("OUTBOX_BATCH"));
        assert_eq!(variable_of(&[("OUTBOX_WAVE", "7"), ("OUTBOX_BATCH", "8")]).as_deref(), Some("OUTBOX_BATCH"));
        assert_eq!(Settings::parse_from(["x"]).outbox_batch, 500);
    }
}
