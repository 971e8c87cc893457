//! The commands of an operator against a fleet.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use clap::{Args, Command};
use flotilla::manifest::GATEWAY;
use flotilla::screen::Screen;
use serde_json::Value;

use crate::fleet::fixture::{DESCRIPTION, Fleet};

/// Captures the output of a command.
#[derive(Clone, Default)]
pub struct CapturedOutput(Arc<Mutex<Vec<u8>>>);

impl CapturedOutput {
    /// The screen for the command.
    pub fn screen(&self) -> Screen {
        Screen::to(self.clone())
    }

    /// The output.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// The output as JSON, one value for each line.
    pub fn json(&self) -> Result<Vec<Value>> {
        self.text().lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }
}

impl io::Write for CapturedOutput {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Fleet {
    /// Parses the arguments of a command, with the arguments that select this fleet.
    pub fn operator<T: Args>(&self, typed: &[&str]) -> Result<T> {
        let command = T::augment_args(Command::new("flotilla").no_binary_name(true));
        let mut arguments = self.selection()?;
        arguments.extend(typed.iter().map(|argument| (*argument).to_owned()));
        Ok(T::from_arg_matches(&command.try_get_matches_from(arguments)?)?)
    }

    /// The arguments for the description, the folder with the keys, the broker and the URLs of the processes.
    fn selection(&self) -> Result<Vec<String>> {
        let file = self.path(DESCRIPTION).display().to_string();
        let dir = self.plan.dir.display().to_string();
        let mut arguments = vec!["--fleet".to_owned(), file, "--dir".to_owned(), dir];
        arguments.extend(["--kafka".to_owned(), self.brokers().to_owned()]);
        for name in self.contexts().into_iter().chain([GATEWAY.to_owned()]) {
            arguments.extend(["--url".to_owned(), format!("{name}={}", self.url(&name)?)]);
        }
        Ok(arguments)
    }
}
