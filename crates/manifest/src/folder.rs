//! The declaration of a fleet in its folder.

use std::fs;
use std::io;
use std::path::Path;

use crate::context::ContextText;
use crate::error::ReadError;
use crate::fleet::Manifest;

/// The file that declares a context, in the folder of the context.
pub const CONTEXT_FILE: &str = "context.toml";

/// Reads and validates a `fleet.toml` and the `context.toml` files in the folders beside it.
pub fn read(fleet: &Path) -> Result<Manifest, ReadError> {
    let text = fs::read_to_string(fleet).map_err(|source| ReadError::File { path: fleet.to_owned(), source })?;
    Manifest::assemble(&text, &context_texts(fleet)?)
        .map_err(|source| ReadError::Invalid { path: fleet.to_owned(), source })
}

/// The `context.toml` files in the folders beside a `fleet.toml`, ordered by folder.
pub fn context_texts(fleet: &Path) -> Result<Vec<ContextText>, ReadError> {
    let folder = fleet.parent().unwrap_or(Path::new("."));
    // The parent of a plain file name is the empty path.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let unreadable = |path: &Path, source: io::Error| ReadError::File { path: path.to_owned(), source };
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).map_err(|source| unreadable(folder, source))? {
        let entry = entry.map_err(|source| unreadable(folder, source))?;
        let path = entry.path().join(CONTEXT_FILE);
        if path.is_file() {
            let text = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
            texts.push(ContextText { folder: entry.file_name().to_string_lossy().into_owned(), text });
        }
    }
    texts.sort_by(|one, other| one.folder.cmp(&other.folder));
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contexts_are_the_folders_with_a_declaration_in_the_order_of_their_ports() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("fleet.toml", "name = \"harbour\"\n[gateway]\nport = 1\nroutes = \"r.toml\"\n");
        write("boat/context.toml", "name = \"boat\"\nport = 3\n");
        write("crane/context.toml", "name = \"crane\"\nport = 2\n");
        write("tests/Cargo.toml", "");
        let fleet = folder.path().join("fleet.toml");
        let names = read(&fleet).unwrap().contexts.into_iter().map(|context| context.name).collect::<Vec<_>>();
        assert_eq!(names, ["crane", "boat"]);
        write("boat/context.toml", "name = \"ship\"\nport = 3\n");
        let expected = format!("{}: boat/context.toml: name: \"ship\" is not the name of the folder", fleet.display());
        assert_eq!(read(&fleet).unwrap_err().to_string(), expected);
        let error = read(&folder.path().join("none.toml")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read "), "{error}");
    }
}
