use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use ambient::Timestamp;
use serde::{Deserialize, Serialize};

/// What a client asked for, and was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Told {
    /// When it was answered, if that is known.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// What was asked for.
    pub what: Asked,
    /// The match.
    pub id: i64,
    /// The price that was offered.
    #[serde(default)]
    pub price: Option<i64>,
    /// The status of the answer; `None` if there was none.
    #[serde(default)]
    pub status: Option<u16>,
}

/// What a client can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Asked {
    /// `POST /matches`: a match.
    Request,
    /// `PATCH /matches/{id}`: its cancellation.
    Cancel,
    /// `POST /visits`: a tutor takes the visit.
    Assign,
}

/// Why it is not known what clients were told.
#[derive(Debug, thiserror::Error)]
pub enum ToldError {
    /// There is no such file, or it cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A line is not what a client was told.
    #[error("{}: line {line}: {source}", path.display())]
    Line {
        /// Of which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl Told {
    /// Reads a file with one JSON object per line.
    pub fn read(path: &Path) -> Result<Vec<Self>, ToldError> {
        let text = fs::read_to_string(path).map_err(|source| ToldError::File { path: path.to_owned(), source })?;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let told = lines.map(|(at, line)| {
            let wrong = |source| ToldError::Line { path: path.to_owned(), line: at + 1, source };
            serde_json::from_str(line).map_err(wrong)
        });
        told.collect()
    }

    /// Whether a match was asked for and the client was told that there is one.
    pub(crate) fn is_established(&self) -> bool {
        self.what == Asked::Request && matches!(self.status, Some(200 | 201))
    }

    /// Whether the client cannot know what came of it: no answer, or one that is not from the service itself.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.status, None | Some(500 | 502 | 504))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = match self.what {
            Asked::Request => "a client asked for the match",
            Asked::Cancel => "a client cancelled the match",
            Asked::Assign => "a tutor took the visit",
        };
        write!(f, "{asked}")?;
        if let Some(price) = self.price {
            write!(f, " for {price}")?;
        }
        match self.status {
            Some(status) => write!(f, " and was told {status}"),
            None => write!(f, " and was told nothing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_were_told_reads_back_as_it_was_written() {
        let told = Told { at: None, what: Asked::Request, id: 5000, price: Some(50_000), status: None };
        let text = serde_json::to_string(&told).unwrap();
        assert_eq!(text, r#"{"at":null,"what":"request","id":5000,"price":50000,"status":null}"#);
        assert_eq!(serde_json::from_str::<Told>(&text).unwrap(), told);
        let short: Told = serde_json::from_str(r#"{"what":"assign","id":1,"status":409}"#).unwrap();
        assert_eq!((short.what, short.status), (Asked::Assign, Some(409)));
    }
}
