//! Finds the description of a fleet: in the workspace, in this binary, or in a file.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use manifest::{CONTEXT_FILE, ContextText, Manifest, ReadError};

const MANIFEST: &str = "fleet.toml";

/// From `build.rs`: the folder of each fleet, and the description files in it as path and text.
static EMBEDDED: &[(&str, EmbeddedFiles)] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

type EmbeddedFiles = &'static [(&'static str, &'static str)];

/// A manifest and the text of the files that it consists of.
#[derive(Debug, Clone, PartialEq)]
pub struct Fleet {
    /// The manifest.
    pub manifest: Manifest,
    /// The folder of the manifest and of its contexts. `None`: the description is embedded.
    pub folder: Option<PathBuf>,
    /// The text of the declaration of each context that has a file of its own.
    pub contexts: Vec<ContextText>,
    /// The text of the routes file of the gateway.
    pub routes: String,
    /// The name and the text of the `OpenAPI` document of the gateway.
    pub openapi: Option<(String, String)>,
}

/// Why a fleet cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A file of the fleet cannot be read or is invalid.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No fleet has this name.
    #[error("there is no fleet \"{name}\"; there are: {known}")]
    Unknown {
        /// The requested name.
        name: String,
        /// The known names.
        known: String,
    },
    /// No fleet is known.
    #[error("no fleet found; name a file with --fleet path/to/fleet.toml")]
    None,
}

/// Loads the fleet with this name or in this file (a name has no dot). Without a choice it is the fleet that is declared as the
/// default, else the first one.
///
/// Reads the files in the workspace if there is one, else the texts that were embedded at build time.
pub fn find(chosen: Option<&str>, workspace: Option<&Path>) -> Result<Fleet, FleetError> {
    found(chosen, workspace).map(|(_, fleet)| fleet)
}

/// The path of the manifest that [`find`] loads; `None` for an embedded one.
pub fn file(chosen: Option<&str>, workspace: Option<&Path>) -> Result<Option<PathBuf>, FleetError> {
    found(chosen, workspace).map(|(source, _)| match source {
        Source::Disk(path) => Some(path),
        Source::Embedded(..) => None,
    })
}

/// Loads all fleets, ordered by name.
pub fn all(workspace: Option<&Path>) -> Result<Vec<Fleet>, FleetError> {
    sources(workspace)?.iter().map(Source::load).collect()
}

fn found(chosen: Option<&str>, workspace: Option<&Path>) -> Result<(Source, Fleet), FleetError> {
    if let Some(path) = chosen.map(Path::new).filter(|chosen| chosen.extension().is_some()) {
        return Source::Disk(path.to_owned()).loaded();
    }
    let sources = sources(workspace)?;
    match chosen {
        Some(name) => named(name, sources),
        None => by_default(sources),
    }
}

/// Loads this fleet alone: an invalid description of another one does not matter.
fn named(name: &str, sources: Vec<Source>) -> Result<(Source, Fleet), FleetError> {
    let known = sources.iter().map(Source::name).collect::<Vec<_>>().join(", ");
    let found = sources.into_iter().find(|source| source.name() == name);
    found.ok_or_else(|| FleetError::Unknown { name: name.to_owned(), known })?.loaded()
}

fn by_default(sources: Vec<Source>) -> Result<(Source, Fleet), FleetError> {
    let mut first = None;
    for source in sources {
        let loaded = source.loaded()?;
        if loaded.1.manifest.default {
            return Ok(loaded);
        }
        first.get_or_insert(loaded);
    }
    first.ok_or(FleetError::None)
}

/// The fleets in the order of their names.
fn sources(workspace: Option<&Path>) -> Result<Vec<Source>, FleetError> {
    match workspace {
        Some(root) => on_disk(&root.join("services")),
        None => Ok(EMBEDDED.iter().map(|(folder, files)| Source::Embedded(folder, files)).collect()),
    }
}

fn on_disk(services: &Path) -> Result<Vec<Source>, FleetError> {
    let unreadable = |source| ReadError::File { path: services.to_owned(), source };
    let mut manifests = Vec::new();
    for entry in fs::read_dir(services).map_err(unreadable)? {
        manifests.push(entry.map_err(unreadable)?.path().join(MANIFEST));
    }
    manifests.retain(|path| path.is_file());
    manifests.sort();
    Ok(manifests.into_iter().map(Source::Disk).collect())
}

/// The origin of the files of one fleet.
enum Source {
    /// The path of its manifest.
    Disk(PathBuf),
    /// The name of its folder, and its files.
    Embedded(&'static str, EmbeddedFiles),
}

impl Source {
    /// The name of the fleet, which is also the name of its folder.
    fn name(&self) -> &str {
        match self {
            Self::Disk(manifest) => {
                manifest.parent().and_then(Path::file_name).and_then(OsStr::to_str).unwrap_or_default()
            }
            Self::Embedded(folder, _) => folder,
        }
    }

    fn loaded(self) -> Result<(Self, Fleet), FleetError> {
        let fleet = self.load()?;
        Ok((self, fleet))
    }

    fn load(&self) -> Result<Fleet, FleetError> {
        let (path, text) = match self {
            Self::Disk(path) => (path.clone(), read(path)?),
            Self::Embedded(..) => self.beside(MANIFEST)?,
        };
        let contexts = self.contexts()?;
        let manifest = Manifest::assemble(&text, &contexts).map_err(|source| ReadError::Invalid { path, source })?;
        let (_, routes) = self.beside(&manifest.gateway.routes)?;
        let document = |name: &String| self.beside(name).map(|(_, text)| (name.clone(), text));
        let openapi = manifest.gateway.openapi.as_ref().map(document).transpose()?;
        let folder = match self {
            Self::Disk(path) => path.parent().map(Path::to_owned),
            Self::Embedded(..) => None,
        };
        Ok(Fleet { manifest, folder, contexts, routes, openapi })
    }

    /// The declarations of the contexts that have folders of their own.
    fn contexts(&self) -> Result<Vec<ContextText>, ReadError> {
        match self {
            Self::Disk(manifest) => manifest::context_texts(manifest),
            Self::Embedded(_, files) => {
                let texts = files.iter().filter_map(|(path, text)| {
                    let (folder, file) = path.split_once('/')?;
                    (file == CONTEXT_FILE).then(|| ContextText { folder: folder.to_owned(), text: (*text).to_owned() })
                });
                Ok(texts.collect())
            }
        }
    }

    fn beside(&self, file: &str) -> Result<(PathBuf, String), ReadError> {
        match self {
            Self::Disk(manifest) => {
                let path = manifest.with_file_name(file);
                read(&path).map(|text| (path, text))
            }
            Self::Embedded(_, files) => {
                let found = files.iter().find(|(path, _)| *path == file);
                let found = found.map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
                found.ok_or_else(|| ReadError::File { path: file.into(), source: io::ErrorKind::NotFound.into() })
            }
        }
    }
}

fn read(path: &Path) -> Result<String, ReadError> {
    fs::read_to_string(path).map_err(|source| ReadError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    #[test]
    fn an_installed_command_knows_the_same_fleets_as_the_workspace() {
        let (embedded, read) = (all(None).unwrap(), all(Some(&workspace())).unwrap());
        assert!(!embedded.is_empty() && embedded.len() == read.len());
        for (embedded, read) in embedded.into_iter().zip(read) {
            let (name, folder) = (read.manifest.name.clone(), read.folder.clone());
            assert!(embedded.folder.is_none() && folder.is_some(), "{name}");
            // Printed as a whole they fill thousands of lines.
            assert!(Fleet { folder, ..embedded } == read, "the fleet {name} is embedded as another one");
        }
    }

    #[test]
    fn the_name_of_a_fleet_is_the_name_of_its_folder() {
        for source in sources(Some(&workspace())).unwrap() {
            assert_eq!(source.name(), source.load().unwrap().manifest.name);
        }
    }

    #[test]
    fn exactly_one_fleet_is_the_default() {
        let defaults = all(None).unwrap().into_iter().filter(|fleet| fleet.manifest.default).collect::<Vec<_>>();
        assert_eq!(defaults, [find(None, None).unwrap()]);
    }

    #[test]
    fn without_a_choice_it_is_the_default_else_the_first_fleet() {
        let root = tempfile::tempdir().unwrap();
        let declare = |name: &str, more: &str| {
            let folder = root.path().join("services").join(name);
            fs::create_dir_all(&folder).unwrap();
            let text = format!(
                "name = \"{name}\"\n{more}\n[gateway]\nport = 1\nroutes = \"r.toml\"\n[[context]]\nname = \"b\"\nport = 2\n"
            );
            fs::write(folder.join(MANIFEST), text).unwrap();
            fs::write(folder.join("r.toml"), "").unwrap();
        };
        let chosen = |name| find(name, Some(root.path())).map(|fleet| fleet.manifest.name);
        fs::create_dir(root.path().join("services")).unwrap();
        assert!(matches!(chosen(None), Err(FleetError::None)));
        declare("boats", "");
        declare("cranes", "");
        assert_eq!(chosen(None).unwrap(), "boats");
        declare("cranes", "default = true");
        assert_eq!(chosen(None).unwrap(), "cranes");
        declare("docks", "invalid = true");
        assert_eq!(chosen(Some("boats")).unwrap(), "boats");
        assert!(matches!(chosen(Some("docks")), Err(FleetError::Read(_))));
        let error = chosen(Some("ships")).unwrap_err().to_string();
        assert_eq!(error, "there is no fleet \"ships\"; there are: boats, cranes, docks");
    }

    #[test]
    fn the_file_of_a_fleet_is_known_unless_it_is_embedded() {
        assert!(file(None, Some(&workspace())).unwrap().unwrap().is_file());
        assert_eq!(file(None, None).unwrap(), None);
    }

    #[test]
    fn an_unknown_fleet_is_an_error_that_lists_the_known_ones() {
        let known = find(None, None).unwrap().manifest.name;
        let error = find(Some("atlantis"), None).unwrap_err().to_string();
        assert!(error.starts_with("there is no fleet \"atlantis\"; there are: "), "{error}");
        assert!(error.contains(&known), "{error}");
    }

    #[test]
    fn a_fleet_can_be_a_file_whose_routes_are_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.toml");
        let text = "name = \"a\"\n[gateway]\nport = 1\nroutes = \"r.toml\"\n\
                    [[context]]\nname = \"b\"\npackage = \"b\"\nbinary = \"b\"\nport = 2\n";
        fs::write(&path, text).unwrap();
        let error = find(path.to_str(), None).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot read {}/r.toml: ", folder.path().display())), "{error}");
        fs::write(folder.path().join("r.toml"), "[upstreams]").unwrap();
        assert_eq!(find(path.to_str(), None).unwrap().routes, "[upstreams]");
        assert_eq!(file(path.to_str(), None).unwrap(), Some(path.clone()));
        fs::write(&path, text.replace("port = 2", "port = 1")).unwrap();
        let error = find(path.to_str(), None).unwrap_err().to_string();
        assert_eq!(error, format!("{}: context.b.port: 1 is used twice", path.display()));
    }
}
