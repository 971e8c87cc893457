//! `services/FLEET/checkpoints.toml`: what shows the checkpoints in a fleet.

use super::CHECKPOINTS;
use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use std::{collections::BTreeMap, fs, path::Path};

/// What shows the checkpoints in a fleet.
#[derive(Debug)]
pub struct Declaration {
    /// The name of the fleet.
    pub fleet: String,
    /// As many as there are checkpoints, in their order.
    pub evidence: Vec<Evidence>,
}

/// What shows one checkpoint in one fleet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// What the checkpoint means in this fleet, in one sentence.
    pub about: String,
    /// What shows it here.
    #[serde(default)]
    pub commands: Vec<Command>,
    /// Another fleet that shows it, or the rest of it.
    pub shown_in: Option<String>,
}

/// A command to show a checkpoint, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Command {
    /// A test.
    Test {
        /// The whole command.
        text: String,
        /// The package that has the test.
        package: String,
        /// The path of its function.
        name: String,
    },
    /// A script.
    Script {
        /// The whole command.
        text: String,
        /// The path of the script in the repository.
        path: String,
    },
}

impl Declaration {
    /// The path of the declaration of a fleet.
    pub fn path(fleet: &str) -> String {
        format!("services/{fleet}/checkpoints.toml")
    }

    /// Reads the declaration of a fleet, which each fleet must have.
    pub fn read(root: &Path, fleet: &str) -> anyhow::Result<Self> {
        let path = Self::path(fleet);
        let text = fs::read_to_string(root.join(&path)).with_context(|| path.clone())?;
        Self::parse(fleet, &text).context(path)
    }

    /// Parses a declaration.
    pub fn parse(fleet: &str, text: &str) -> anyhow::Result<Self> {
        let mut sections: BTreeMap<String, Evidence> = toml::from_str(text)?;
        let take = |key: &str| {
            let evidence = sections.remove(key).with_context(|| format!("[{key}] is missing"))?;
            ensure!(evidence.about.ends_with('.'), "[{key}]: `about` is no sentence");
            ensure!(
                !evidence.commands.is_empty() || evidence.shown_in.is_some(),
                "[{key}] has neither `commands` nor `shown_in`"
            );
            Ok(evidence)
        };
        let evidence = CHECKPOINTS.iter().map(|checkpoint| checkpoint.key).map(take).collect::<anyhow::Result<_>>()?;
        if let Some(unknown) = sections.keys().next() {
            bail!("[{unknown}] is no checkpoint");
        }
        Ok(Self { fleet: fleet.to_owned(), evidence })
    }

    /// The commands that need neither Kubernetes nor Docker, each with the number of its checkpoint.
    pub fn local(&self) -> impl Iterator<Item = (usize, &Command)> {
        let numbered = self.evidence.iter().enumerate().map(|(index, evidence)| (index + 1, evidence));
        let commands = numbered.flat_map(|(number, evidence)| evidence.commands.iter().map(move |one| (number, one)));
        commands.filter(|(_, command)| command.is_local())
    }
}

impl Command {
    /// The whole command.
    pub fn text(&self) -> &str {
        match self {
            Self::Test { text, .. } | Self::Script { text, .. } => text,
        }
    }

    /// Whether it needs neither Kubernetes nor Docker.
    pub fn is_local(&self) -> bool {
        !self.text().starts_with("scripts/demo/")
    }
}

impl TryFrom<String> for Command {
    type Error = anyhow::Error;

    fn try_from(text: String) -> anyhow::Result<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        Ok(match words[..] {
            ["cargo", "test", "--package", package, "--lib", name]
            | ["cargo", "test", "--package", package, "--test" | "--bin", _, name] => {
                Self::Test { package: package.to_owned(), name: name.to_owned(), text }
            }
            [path, ..] if path.starts_with("scripts/") => Self::Script { path: path.to_owned(), text },
            _ => bail!("{text:?} is neither `cargo test --package P --test T NAME` nor a script"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A declaration in which each checkpoint has these lines.
    fn all(lines: &str) -> String {
        CHECKPOINTS.map(|checkpoint| format!("[{}]\n{lines}\n", checkpoint.key)).concat()
    }

    fn error(text: &str) -> String {
        format!("{:#}", Declaration::parse("harbour", text).unwrap_err())
    }

    #[test]
    fn each_checkpoint_has_a_sentence_and_commands_or_another_fleet() {
        let text =
            all("about = \"A.\"\ncommands = [\"scripts/demo/a --fleet b\", \"cargo test --package p --lib a::b\"]");
        let declaration = Declaration::parse("harbour", &text).unwrap();
        let local: Vec<(usize, &str)> = declaration.local().map(|(number, command)| (number, command.text())).collect();
        assert_eq!((local.len(), local[16]), (17, (17, "cargo test --package p --lib a::b")));
        let Command::Test { package, name, .. } = &declaration.evidence[0].commands[1] else { panic!("no test") };
        assert_eq!((package.as_str(), name.as_str()), ("p", "a::b"));
        Declaration::parse("harbour", &all("about = \"A.\"\nshown_in = \"b\"")).unwrap();
        assert_eq!(error(&all("about = \"A.\"")), "[saga] has neither `commands` nor `shown_in`");
        assert_eq!(error(&all("about = \"A\"\nshown_in = \"b\"")), "[saga]: `about` is no sentence");
    }

    #[test]
    fn a_checkpoint_that_is_missing_or_unknown_and_a_command_of_another_form_are_rejected() {
        let text = all("about = \"A.\"\nshown_in = \"b\"");
        assert_eq!(error(&text.replace("[cqrs]", "[views]")), "[cqrs] is missing");
        assert_eq!(error(&format!("{text}[views]\nabout = \"A.\"\n")), "[views] is no checkpoint");
        let error = error(&all("about = \"A.\"\ncommands = [\"cargo test a\"]"));
        assert!(error.contains("\"cargo test a\" is neither"), "{error}");
    }
}
