//! Generated sections of documents that are written by hand otherwise.

use std::fs;
use std::path::Path;

use crate::files::file_error;
use crate::generated::Update;

/// Compares a section of a document with its expected text. `Some`: the difference, unless it was written.
///
/// A section begins with the line `<!-- generated: NAME -->` and ends with `<!-- end -->`.
///
/// # Errors
///
/// If the document has no such section, or cannot be read or written.
pub fn section(file: &Path, name: &str, expected: &str, update: Update) -> Result<Option<String>, String> {
    let text = fs::read_to_string(file).map_err(|error| file_error(file, &error))?;
    let begin = format!("<!-- generated: {name} -->\n");
    let parts = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once("<!-- end -->")?)));
    let Some((before, (stored, after))) = parts else {
        return Err(format!("{} has no section {name:?}", file.display()));
    };
    if stored == expected {
        return Ok(None);
    }
    if update == Update::Nothing {
        return Ok(Some(format!("the section {name:?} of {} is not what is expected", file.display())));
    }
    let text = format!("{before}{begin}{expected}<!-- end -->{after}");
    fs::write(file, text).map_err(|error| file_error(file, &error))?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_section_is_compared_and_written_on_request_and_the_rest_stays() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("a.md");
        let document = |text| format!("before\n<!-- generated: b -->\n{text}<!-- end -->\nafter\n<!-- end -->\n");
        fs::write(&file, document("old\n")).unwrap();
        assert_eq!(section(&file, "b", "old\n", Update::Nothing), Ok(None));
        assert!(section(&file, "b", "new\n", Update::Nothing).unwrap().is_some());
        assert_eq!(fs::read_to_string(&file).unwrap(), document("old\n"));
        assert_eq!(section(&file, "b", "new\n", Update::Additions), Ok(None));
        assert_eq!(fs::read_to_string(&file).unwrap(), document("new\n"));
        assert!(section(&file, "c", "new\n", Update::Additions).unwrap_err().contains("no section \"c\""));
    }
}
