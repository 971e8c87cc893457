//! Tables for people.

/// A table with a header. Each column is as wide as its widest cell.
pub fn columns<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let header = header.map(str::to_owned);
    let lines = std::iter::once(&header).chain(rows).map(|row| line(row, &widths));
    lines.collect::<Vec<_>>().join("\n")
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, &width)| format!("{cell:<width$}"));
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// Untrusted text as one line without control characters.
pub fn sanitized(text: &str) -> String {
    events::shown(text, usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_have_no_blanks_at_their_end() {
        let rows = [["crane", "1", ""], ["à-boat", "10", "late"]].map(|row| row.map(str::to_owned));
        let expected = "NAME    LAG  NOTE\ncrane   1\nà-boat  10   late";
        assert_eq!(columns(["NAME", "LAG", "NOTE"], &rows), expected);
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(sanitized("a\u{1b}[2Jb\nc é"), "a\\u{1b}[2Jb\\u{a}c é");
    }
}
