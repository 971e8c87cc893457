//! From the texts of a declaration to the declaration.

use serde::de::DeserializeOwned;

use crate::checks;
use crate::context::{Context, ContextText};
use crate::error::ManifestError;
use crate::fleet::Manifest;

impl Manifest {
    /// Parses and validates the text of a `fleet.toml` that declares its contexts itself.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        Self::assemble(text, &[])
    }

    /// Parses and validates the text of a `fleet.toml` and those of its `context.toml` files.
    pub fn assemble(text: &str, contexts: &[ContextText]) -> Result<Self, ManifestError> {
        let mut manifest: Self = deserialize(text)?;
        for ContextText { folder, text } in contexts {
            let context = declared(folder, text)
                .map_err(|source| ManifestError::Context { folder: folder.clone(), source: Box::new(source) })?;
            manifest.contexts.push(context);
        }
        manifest.contexts.sort_by_key(|context| context.port);
        checks::check(&manifest)?;
        Ok(manifest)
    }
}

fn declared(folder: &str, text: &str) -> Result<Context, ManifestError> {
    let context: Context = deserialize(text)?;
    if context.name != folder {
        return Err(ManifestError::field("name", &format!("\"{}\" is not the name of the folder", context.name)));
    }
    Ok(context)
}

fn deserialize<T: DeserializeOwned>(text: &str) -> Result<T, ManifestError> {
    let document = toml::Deserializer::parse(text).map_err(|error| syntax(text, &error))?;
    serde_path_to_error::deserialize(document).map_err(|error| {
        let field = match error.path().to_string() {
            path if path == "." => "top level".to_owned(),
            path => path,
        };
        ManifestError::field(&field, error.inner().message())
    })
}

fn syntax(text: &str, error: &toml::de::Error) -> ManifestError {
    let until = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.bytes().take(until).filter(|byte| *byte == b'\n').count() + 1;
    ManifestError::Syntax { line, reason: error.message().to_owned() }
}

#[cfg(test)]
mod tests;
