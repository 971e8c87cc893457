//! The outputs of commands that were kept in `docs/runs`.
//!
//! A file has runs. Each begins with a heading: lines that begin with `=== `, of which one ends with the command.

use super::Command;
use crate::source;
use std::path::Path;

/// Where they are. Files of other runs are there too.
const FOLDER: &str = "docs/runs";
const PREFIXES: [&str; 3] = ["checkpoints-", "kubernetes-", "compose-"];
const HEADING: &str = "=== ";
/// The lines of an excerpt.
const EXCERPT: usize = 6;
const LEFT_OUT: &str = "…";

/// The outputs that were kept.
#[derive(Debug, Default)]
pub struct Kept(Vec<Run>);

/// One run of a command.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The file that has it, relative to `docs`.
    pub file: String,
    heading: Vec<String>,
    lines: Vec<String>,
}

impl Kept {
    /// Reads all files.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let mut runs = Vec::new();
        for source::Text { path, text } in source::read_texts(&root.join(FOLDER), root, &["txt"])? {
            let name = path.trim_start_matches(FOLDER).trim_start_matches('/');
            if PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
                runs.extend(parse(path.trim_start_matches("docs/"), &text));
            }
        }
        Ok(Self(runs))
    }

    /// The run of a command: the first one that holds, and if none does, the first one.
    pub fn of(&self, command: &Command) -> Option<&Run> {
        let runs = || self.0.iter().filter(|run| run.is_of(command.text()));
        runs().find(|run| run.holds()).or_else(|| runs().next())
    }

    #[cfg(test)]
    pub fn of_text(text: &str) -> Self {
        Self(parse("runs/a.txt", text))
    }
}

fn parse(file: &str, text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut in_heading = false;
    for line in text.lines() {
        let heading = line.strip_prefix(HEADING);
        if let (Some(_), false) = (heading, in_heading) {
            runs.push(Run { file: file.to_owned(), ..Run::default() });
        }
        in_heading = heading.is_some();
        if let Some(run) = runs.last_mut() {
            match heading {
                Some(heading) => run.heading.push(heading.to_owned()),
                None => run.lines.push(line.to_owned()),
            }
        }
    }
    runs
}

impl Run {
    /// Whether the command succeeded.
    pub fn holds(&self) -> bool {
        self.lines.iter().any(|line| line == "VERDICT: holds" || line.starts_with("exit code 0 "))
    }

    /// The lines with results, or the last ones if no line has a result. If there are more than six, the last of them.
    pub fn excerpt(&self) -> Vec<&str> {
        let lines: Vec<&str> = self.lines.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
        let results: Vec<&str> = lines.iter().copied().filter(|line| has_result(line)).collect();
        let shown = if results.iter().any(|line| !is_end(line)) { results } else { lines };
        match shown.len().checked_sub(EXCERPT) {
            None | Some(0) => shown,
            Some(more) => [&[LEFT_OUT], &shown[more + 1..]].concat(),
        }
    }

    /// What the heading has beside the command: of which programs, under which circumstances.
    pub fn note(&self, command: &str) -> String {
        self.heading
            .iter()
            .map(|line| line.trim_end_matches(command).trim())
            .collect::<Vec<_>>()
            .join(" ")
            .trim()
            .to_owned()
    }

    fn is_of(&self, command: &str) -> bool {
        self.heading.iter().any(|line| *line == command || line.ends_with(&format!(" {command}")))
    }
}

fn has_result(line: &str) -> bool {
    let is_test = line.starts_with("test ") && line.contains(" ... ");
    is_test || line.contains("  holds   ") || line.contains("  FAILED  ") || is_end(line)
}

fn is_end(line: &str) -> bool {
    line.starts_with("VERDICT: ") || line.starts_with("exit code ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Runs of 2026.\n\n\
        === first: failed. scripts/demo/a --fleet b\n\n  1 s  FAILED  it works\nVERDICT: FAILED\n\n\
        === second: holds.\n=== scripts/demo/a --fleet b\n  1 s  begins\n  2 s  holds   it works\nVERDICT: holds\n\
        === third. scripts/demo/a --fleet b --context c\n";

    fn command(text: &str) -> Command {
        Command::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn the_first_run_that_holds_counts_and_only_its_results_are_shown() {
        let kept = Kept::of_text(TEXT);
        let run = kept.of(&command("scripts/demo/a --fleet b")).unwrap();
        assert!(run.holds());
        assert_eq!(run.note("scripts/demo/a --fleet b"), "second: holds.");
        assert_eq!(run.excerpt(), ["  2 s  holds   it works", "VERDICT: holds"]);
        assert_eq!(kept.of(&command("scripts/demo/a --fleet c")), None);
        assert_eq!(kept.of(&command("scripts/demo/a --fleet")), None);
    }

    #[test]
    fn a_run_that_failed_is_shown_if_none_holds() {
        let (failed, _) = TEXT.split_once("=== second").unwrap();
        let kept = Kept::of_text(failed);
        let run = kept.of(&command("scripts/demo/a --fleet b")).unwrap();
        assert!(!run.holds());
        assert_eq!(run.excerpt(), ["  1 s  FAILED  it works", "VERDICT: FAILED"]);
    }

    #[test]
    fn an_excerpt_has_six_lines_at_most_and_the_last_lines_if_there_are_no_results() {
        let text = |line: &str| format!("=== scripts/a\n{}exit code 0 after 1 s\n", line.repeat(7));
        let excerpt = |text: String| Kept::of_text(&text).0.remove(0).excerpt().join("\n");
        let five = |line: &str| format!("…\n{}exit code 0 after 1 s", line.repeat(4));
        assert_eq!(excerpt(text("test a ... ok\n")), five("test a ... ok\n"));
        assert_eq!(excerpt(text("all is well\n")), five("all is well\n"));
        assert_eq!(excerpt(text("test a ... ok\nall is well\n")), five("test a ... ok\n"));
    }
}
