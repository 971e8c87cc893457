//! Forbidden code: silenced lints, macros for unfinished work, and SQL statements without a list of columns.

use crate::{finding::Finding, source::Source};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Macros for unfinished work.
const UNFINISHED: &[&str] = &["todo", "unimplemented", "dbg"];

/// Followed by `*`: PostgreSQL rejects the prepared statement after a rollout has added a column.
const NO_COLUMNS: &[&str] = &["SELECT", "RETURNING"];

/// One finding per place.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    sources.iter().flat_map(check_source).collect()
}

fn check_source(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    // Never empty: syn has parsed the text.
    walk(&source.text.parse().unwrap_or_default(), &mut found);
    let kept = found.into_iter().filter(|(line, what)| what == "allow" || !source.is_test(*line));
    kept.map(|(line, what)| Finding::on_line(&source.path, line, advice(&what))).collect()
}

fn advice(what: &str) -> String {
    match what {
        "allow" => {
            "`#[allow]`: write `#[expect(…, reason = \"…\")]`, which says when it is no longer needed".to_owned()
        }
        name if NO_COLUMNS.contains(&name) => {
            format!("`{name} *`: name the columns, or it fails while a rollout adds one")
        }
        name => format!("`{name}!` outside a test"),
    }
}

/// Adds the line and the name of each forbidden item, also inside macros.
fn walk(tokens: &TokenStream, found: &mut Vec<(usize, String)>) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        match (token, tokens.get(index + 1)) {
            (TokenTree::Ident(name), Some(TokenTree::Punct(mark))) if mark.as_char() == '!' => {
                found.extend(UNFINISHED.iter().filter(|bad| name == **bad).map(|bad| (line(token), (*bad).to_owned())));
            }
            (TokenTree::Group(group), _)
                if group.delimiter() == Delimiter::Bracket && is_attribute(&tokens[..index]) =>
            {
                found.extend(allows(group).then(|| (line(token), "allow".to_owned())));
            }
            (TokenTree::Group(group), _) => walk(&group.stream(), found),
            (TokenTree::Literal(text), _) if !is_doc(&tokens[..index]) => {
                let text = text.to_string().to_ascii_uppercase();
                let bad = NO_COLUMNS.iter().filter(|bad| text.contains(&format!("{bad} *")));
                found.extend(bad.map(|bad| (line(token), (*bad).to_owned())));
            }
            _ => {}
        }
    }
}

/// Whether brackets after these tokens are those of `#[…]` or `#![…]`.
fn is_attribute(before: &[TokenTree]) -> bool {
    let mark = |token: &TokenTree, mark: char| matches!(token, TokenTree::Punct(found) if found.as_char() == mark);
    match before {
        [.., hash, bang] if mark(bang, '!') => mark(hash, '#'),
        [.., hash] => mark(hash, '#'),
        [] => false,
    }
}

/// Whether the next token is the text of `doc = "…"`, the form of doc comments.
fn is_doc(before: &[TokenTree]) -> bool {
    matches!(before, [.., TokenTree::Ident(name), TokenTree::Punct(_)] if name == "doc")
}

/// `allow(…)`, also inside `cfg_attr(…)`.
fn allows(attribute: &Group) -> bool {
    let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
    let call = |pair: &[TokenTree]| match pair {
        [TokenTree::Ident(name), TokenTree::Group(group)] => name == "allow" || name == "cfg_attr" && allows(group),
        _ => false,
    };
    tokens.windows(2).any(call)
}

fn line(token: &TokenTree) -> usize {
    token.span().start().line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let source = Source::parse("a.rs", text).unwrap();
        check(&[source]).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn a_silenced_lint_is_found_in_every_form() {
        let text =
            "#![allow(dead_code)]\n#[allow(unused)]\nfn a() {\n #[cfg_attr(unix, allow(unused))]\n let b = 1;\n}";
        assert_eq!(lines(text), ["a.rs:1", "a.rs:2", "a.rs:4"]);
    }

    #[test]
    fn a_silenced_lint_is_found_in_a_test_too() {
        assert_eq!(lines("#[cfg(test)]\nmod tests {\n#[allow(unused)]\nfn a() {}\n}"), ["a.rs:3"]);
    }

    #[test]
    fn an_expected_lint_and_a_function_named_allow_are_ignored() {
        assert_eq!(lines("#[expect(unused, reason = \"r\")]\nfn a() { allow(1); [allow(2)]; }"), Vec::<String>::new());
    }

    #[test]
    fn unfinished_work_is_found_also_inside_a_macro() {
        let text = "fn a() {\n todo!();\n vec![unimplemented!()];\n dbg!(1);\n}";
        assert_eq!(lines(text), ["a.rs:2", "a.rs:3", "a.rs:4"]);
    }

    #[test]
    fn a_statement_without_a_list_of_columns_is_found() {
        let text = "/// SELECT * is bad\nfn a() {\n q(\"select * FROM x\");\n format!(\"… RETURNING *\");\n}\n\
                    #[test]\nfn b() { q(\"SELECT * FROM x\"); }";
        assert_eq!(lines(text), ["a.rs:3", "a.rs:4"]);
    }

    #[test]
    fn a_test_may_be_unfinished_and_a_text_may_name_the_macros() {
        assert_eq!(lines("#[test]\nfn a() { todo!() }\nconst B: &str = \"todo!()\"; // todo!()"), Vec::<String>::new());
    }
}
