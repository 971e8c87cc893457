//! Words that were replaced by the terms of the field, so that they do not come back.

use crate::{finding::Finding, source::Text};

/// What is checked: code, settings and documents. Decisions and kept outputs are records of their time.
pub const EXTENSIONS: &[&str] = &["rs", "sql", "toml", "md", "yaml", "yml"];
const RECORDS: &[&str] = &["docs/decisions/", "docs/runs/"];

/// Each word, as it is written, and its replacement.
const RETIRED: &[(&str, &str)] = &[
    ("Asker", "Principal"),
    ("CALLER_KEY_FILE", "SERVICE_PUBLIC_KEY_FILE"),
    ("CALL_KEY_FILE", "SERVICE_SIGNING_KEY_FILE"),
    ("Doorkeeper", "Authenticator"),
    ("ONLY_CONSUMES", "IS_READ_MODEL"),
    ("OUTBOX_WAVE", "OUTBOX_BATCH"),
    ("OUTBOX_WAVE_BYTES", "OUTBOX_BATCH_BYTES"),
    ("PASS_KEY_FILE", "INTERNAL_TOKEN_PUBLIC_KEY_FILE"),
    ("PASS_SIGNING_KEY_FILE", "INTERNAL_TOKEN_SIGNING_KEY_FILE"),
    ("SETTLE_AFTER", "COMPENSATE_AFTER"),
    ("SETTLE_EVERY", "COMPENSATE_EVERY"),
    ("Saying", "StagedEvents"),
    ("change_and_say", "execute_and_publish"),
    ("whoever", "a noun, such as the caller or the client"),
];

/// A file that may use retired words, and the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("contracts/", "generated from the texts of services"),
    ("crates/chassis/src/process/settings.rs", "accepts the old names of environment variables for one version"),
    ("crates/messaging/migrations/", "stores keep the checksums of applied migrations"),
    ("services/", "its contexts and its proof are reworded as they move onto the shared crates"),
    ("gateway/tests/", "names of tests, which documents quote"),
    ("xtask/src/rules/retired_words.rs", "the list itself"),
];

/// One finding per line and word.
pub fn check(texts: &[Text]) -> Vec<Finding> {
    let is_free = |path: &str| {
        RECORDS.iter().chain(EXCEPTIONS.iter().map(|(prefix, _)| prefix)).any(|prefix| path.starts_with(prefix))
    };
    texts.iter().filter(|text| !is_free(&text.path)).flat_map(check_text).collect()
}

fn check_text(text: &Text) -> Vec<Finding> {
    let lines = text.text.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines.flat_map(|(number, line)| words_on(line).map(move |(word, new)| finding(text, number, word, new))).collect()
}

fn words_on(line: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let parts = line.split(|character: char| !character.is_alphanumeric() && character != '_');
    let words: Vec<&str> = parts.collect();
    RETIRED.iter().copied().filter(move |(retired, _)| words.iter().any(|word| word == retired))
}

fn finding(text: &Text, line: usize, word: &str, new: &str) -> Finding {
    Finding::on_line(&text.path, line, format!("`{word}` is retired: write {new}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(path: &str, text: &str) -> Vec<String> {
        let text = Text { path: path.to_owned(), text: text.to_owned() };
        check(&[text]).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn a_retired_word_is_found_in_code_comments_and_documents() {
        assert_eq!(
            places("crates/a/src/lib.rs", "// whoever\nfn a(b: Asker) {}"),
            ["crates/a/src/lib.rs:1", "crates/a/src/lib.rs:2"]
        );
        assert_eq!(places("docs/a.md", "set `SETTLE_AFTER`"), ["docs/a.md:1"]);
    }

    #[test]
    fn a_part_of_another_word_and_a_record_are_ignored() {
        assert_eq!(places("crates/a/src/lib.rs", "MyAsker OUTBOX_WAVELENGTH whoevers"), Vec::<String>::new());
        assert_eq!(places("docs/decisions/0001-a.md", "Asker"), Vec::<String>::new());
        assert_eq!(places("services/a/src/lib.rs", "whoever"), Vec::<String>::new());
    }
}
