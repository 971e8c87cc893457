//! The routes file on disk, with the document that it names.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::config::{Config, ConfigError};
use crate::edge::documentation::Documentation;

/// The path of a routes file.
#[derive(Debug, Clone)]
pub struct RoutesFile(PathBuf);

/// Why a routes file is not applied.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// The file cannot be read.
    #[error("cannot read {} (set by GATEWAY_ROUTES): {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file is invalid.
    #[error("{} (set by GATEWAY_ROUTES): {source}", file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: ConfigError,
    },
    /// The `OpenAPI` document is missing or invalid.
    #[error("{} (set by openapi in the routes file): {reason}", file.display())]
    Document {
        /// The file.
        file: PathBuf,
        /// The reason.
        reason: String,
    },
    /// `[identity]` has changed, which takes effect at a restart only.
    #[error("[identity] has changed: that needs a restart")]
    Identity,
}

/// A routes file that was read and validated.
#[derive(Debug)]
pub struct LoadedRoutes {
    text: String,
    /// The configuration.
    pub config: Config,
    /// The document it names.
    pub documentation: Option<Documentation>,
}

/// The contents of both files, valid or not.
#[derive(Debug, PartialEq, Eq)]
pub struct FileContents {
    routes: String,
    document: Option<Vec<u8>>,
}

impl RoutesFile {
    /// The file at this path.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Reads and validates the file.
    pub fn read(&self) -> Result<LoadedRoutes, ReloadError> {
        let Self(file) = self;
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|source| ReloadError::File { file: file.clone(), source })?;
        let config = Config::parse(&text, |name| std::env::var(name).ok());
        let config = config.map_err(|source| ReloadError::Config { file: file.clone(), source })?;
        let documentation = config.openapi.as_deref().map(|document| self.documentation(document)).transpose()?;
        Ok(LoadedRoutes { text, config, documentation })
    }

    fn documentation(&self, document: &Path) -> Result<Documentation, ReloadError> {
        let file = self.relative(document);
        Documentation::read(&file).map_err(|reason| ReloadError::Document { file, reason })
    }

    /// The path of a document, which is relative to the routes file.
    fn relative(&self, document: &Path) -> PathBuf {
        self.0.parent().unwrap_or(&self.0).join(document)
    }

    /// The current contents. `None` if a file cannot be read: it may be about to be replaced.
    pub fn contents(&self, document: Option<&Path>) -> Option<FileContents> {
        let routes = std::fs::read_to_string(&self.0).ok()?;
        let document = document.map(|document| std::fs::read(self.relative(document)));
        Some(FileContents { routes, document: document.transpose().ok()? })
    }
}

impl LoadedRoutes {
    /// The contents that were read.
    pub fn contents(&self) -> FileContents {
        FileContents { routes: self.text.clone(), document: self.documentation.as_ref().map(Documentation::to_vec) }
    }
}
