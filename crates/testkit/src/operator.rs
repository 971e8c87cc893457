use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use clap::{Args, Command};
use flotilla::manifest::GATEWAY;
use flotilla::screen::Screen;
use serde_json::Value;

use crate::Fleet;
use crate::fleet::DESCRIPTION;

/// A screen whose lines a test can read.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// What a command writes to.
    pub fn screen(&self) -> Screen {
        Screen::to(self.clone())
    }

    /// What it has written.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// What it has written, of which each line is JSON.
    pub fn json(&self) -> Result<Vec<Value>> {
        self.text().lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }
}

impl io::Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Fleet {
    /// What an operator types after the name of a command, and which fleet is meant, which is this one.
    pub fn operator<T: Args>(&self, typed: &[&str]) -> Result<T> {
        let command = T::augment_args(Command::new("flotilla").no_binary_name(true));
        let mut arguments = self.named()?;
        arguments.extend(typed.iter().map(|argument| (*argument).to_owned()));
        Ok(T::from_arg_matches(&command.try_get_matches_from(arguments)?)?)
    }

    /// Its description, its folder with its keys, its broker, and where its own processes answer.
    fn named(&self) -> Result<Vec<String>> {
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
