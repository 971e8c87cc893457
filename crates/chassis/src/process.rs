//! The process: settings, background tasks, health, start and shutdown.

pub(crate) mod config;
pub(crate) mod health;
pub(crate) mod host;
pub(crate) mod probe;
pub(crate) mod run;
pub(crate) mod settings;
pub(crate) mod tasks;
pub(crate) mod workers;
