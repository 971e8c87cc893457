//! A `SQLite` store: the path in its URL, and the files of the database.
//!
//! The only place that converts paths to URLs and back: paths may contain any character.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf, absolute};

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode};

use crate::OpenError;

/// The longest path that `SQLite` opens, in bytes: `MAX_PATHNAME` is 512, minus a NUL and the suffix `-journal`.
const MAX_PATH_BYTES: usize = 503;

/// Characters with a meaning in URLs, and those that shells and logs do not show literally.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The suffixes of the files of one database.
const SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// The `STORE_URL` of this file.
pub fn file_url(file: &Path) -> String {
    let path = percent_encode(file.as_os_str().as_encoded_bytes(), ESCAPED).to_string();
    // Two leading slashes of a path would count as those of the URL.
    let slashes = if path.starts_with("//") { "//" } else { "" };
    format!("sqlite:{slashes}{path}")
}

/// The URL for the drivers of sqlx, for connections without a [`Store`](crate::Store). The file must exist.
pub fn driver_url(url: &str) -> Result<String, OpenError> {
    Ok(match parse_url(url)? {
        Some(file) => sqlx_url(&file, "rw")?,
        None => url.to_owned(),
    })
}

/// The file in a URL. `None` for other kinds of URLs.
///
/// Spaces and `#` need no escape. `%` and two hexadecimal digits are a byte.
pub(crate) fn parse_url(url: &str) -> Result<Option<PathBuf>, OpenError> {
    let Some(rest) = url.strip_prefix("sqlite:") else { return Ok(None) };
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let invalid = |why: &str| Err(OpenError::Setting(format!("STORE_URL={url:?} {why}")));
    if rest.is_empty() {
        return Err(OpenError::Url("sqlite".to_owned()));
    }
    if rest == ":memory:" {
        return invalid("names no file: a store must outlive its process");
    }
    if rest.contains('?') {
        return invalid("has parameters, and a file takes none; a ? in its name is written %3F");
    }
    let file = PathBuf::from(OsString::from_vec(percent_decode_str(rest).collect()));
    // Drivers take a relative path for a host or for a URL, and processes may change their working directory.
    let file = absolute(&file).map_err(|error| OpenError::Folder(file.display().to_string(), error))?;
    let Some(text) = file.to_str() else { return invalid("is not UTF-8: SQLite opens no such file") };
    if text.contains('\0') {
        return invalid("has a NUL in it: there is no such file");
    }
    if text.len() > MAX_PATH_BYTES {
        let why =
            format!("is {} bytes long: SQLite opens files with paths of up to {MAX_PATH_BYTES} bytes", text.len());
        return invalid(&why);
    }
    Ok(Some(file))
}

/// The URL for the driver. Everything but letters and digits is escaped, including slashes: such a URL has no host, and
/// no `..` that a parser would resolve.
pub(crate) fn sqlx_url(file: &Path, mode: &str) -> Result<String, OpenError> {
    let text = file.to_str().ok_or_else(|| OpenError::Setting(format!("{} is not UTF-8", file.display())))?;
    Ok(format!("sqlite:{}?mode={mode}", utf8_percent_encode(text, NON_ALPHANUMERIC)))
}

/// Creates the folder and the file of a database for their owner only, and removes permissions that an earlier version
/// granted to others. `SQLite` copies the permissions of the file to the files beside it.
///
/// An existing folder keeps its permissions: it may be shared on purpose.
pub(crate) fn create(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        files::create_folder(folder)?;
    }
    files::create().append(true).open(file)?;
    SUFFIXES.iter().try_for_each(|suffix| {
        let mut beside = file.as_os_str().to_owned();
        beside.push(suffix);
        files::make_private(Path::new(&beside))
    })
}

/// Opens the lock file of a task, beside the database.
pub(crate) fn lock_file(file: &Path, task: &str) -> io::Result<File> {
    let path = file.with_extension(format!("{task}.lock"));
    let lock = files::create().append(true).open(&path)?;
    files::make_private(&path)?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use sqlx::sqlite::SqliteConnectOptions;
    use url::Url;

    use super::*;

    /// Paths that a parser on the way could misinterpret.
    const STRANGE: [&str; 14] = [
        "/a b/store.db",
        "/a#b/store.db",
        "/a?mode=memory/store.db",
        "/50%/store.db",
        "/%41/store.db",
        "/%/store.db",
        "/é \u{1F6A2}/store.db",
        "/it's \"quoted\"/$(x)`y`/store.db",
        "/a:b@c/{context}/[d]/store.db",
        "/a/../b/./store.db",
        "//host/store.db",
        "/tab\there\nand there/store.db",
        "/back\\slash;x&y=z/store.db",
        "/:memory:",
    ];

    #[test]
    fn every_path_survives_settings_and_driver() {
        for strange in STRANGE {
            let file = parse_url(&file_url(Path::new(strange))).unwrap().unwrap();
            assert_eq!(file.as_os_str(), absolute(strange).unwrap().as_os_str());
            // sqlx parses a URL twice.
            let url = Url::parse(&sqlx_url(&file, "rwc").unwrap()).unwrap();
            let options = SqliteConnectOptions::from_str(url.as_str()).unwrap();
            assert_eq!(options.get_filename().as_os_str(), file.as_os_str(), "{url}");
        }
    }

    #[test]
    fn a_url_as_people_type_it_is_the_intended_file() {
        let here = std::env::current_dir().unwrap();
        for (url, file) in [
            ("sqlite:/a b/c#d.db", PathBuf::from("/a b/c#d.db")),
            ("sqlite:///data/store.db", PathBuf::from("/data/store.db")),
            ("sqlite:store.db", here.join("store.db")),
            ("sqlite://Store:8/x.db", here.join("Store:8/x.db")),
            ("sqlite:file:x", here.join("file:x")),
        ] {
            assert_eq!(parse_url(url).unwrap(), Some(file), "{url}");
        }
        assert_eq!(parse_url("postgres://host/database").unwrap(), None);
    }

    #[test]
    fn an_unusable_path_is_rejected_in_one_line() {
        let long = format!("sqlite:/{}/store.db", "long/".repeat(200));
        for (url, why) in [
            ("sqlite:store.db?mode=ro", "a ? in its name is written %3F"),
            ("sqlite::memory:", "names no file"),
            ("sqlite:/a%FFb", "is not UTF-8"),
            ("sqlite:/a%00b", "has a NUL in it"),
            (&long, "bytes long: SQLite opens files with paths of up to 503 bytes"),
        ] {
            let line = parse_url(url).unwrap_err().to_string();
            assert!(line.contains(why) && line.lines().count() == 1, "{url}: {line}");
        }
    }
}
