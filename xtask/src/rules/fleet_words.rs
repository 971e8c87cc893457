//! The crates know no fleet: none of its words is in them, neither in code nor in comments.
//!
//! The words come from the fleets' own folders and contracts, so that a new fleet is covered the day it is added.

use crate::{
    finding::Finding,
    source::{self, Source, Text},
    workspace::{Context, Package, Place},
};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;

/// Names of contexts and fleets that are words of Rust, of its crates or of plain English too. Of these only texts of
/// one piece are looked at, such as "match" or "/visits": a path, a topic, a field.
const ORDINARY: &[&str] = &["delivery", "match", "matching", "message", "notification", "order", "storage", "visit"];
/// Names that others have given: a status of HTTP.
const STANDARD: &[&str] = &["PAYMENT_REQUIRED"];
/// People of the fleets, who have no folder.
const PEOPLE: &[&str] = &["student", "teacher", "tutor"];

/// The words of all fleets, in lower case.
pub struct Words {
    telling: BTreeSet<String>,
    ordinary: BTreeSet<String>,
}

impl Words {
    /// From the folders of the services and from the types in their contracts.
    pub fn of(packages: &[Package], sources: &[Source]) -> Self {
        let places: Vec<Place> = packages.iter().filter_map(|package| Place::of(&package.folder)).collect();
        let contexts = places.iter().filter_map(|place| match place {
            Place::Service(Context { fleet, name }) => Some([fleet.clone(), name.clone()]),
            _ => None,
        });
        let events = sources.iter().filter(|source| is_contract(&source.path)).flat_map(events);
        let all = contexts.flatten().chain(events).chain(PEOPLE.iter().map(ToString::to_string));
        let (ordinary, telling) = all.partition(|word| ORDINARY.contains(&word.as_str()));
        Self { telling, ordinary }
    }
}

fn is_contract(path: &str) -> bool {
    let folder = path.split("/src/").next().unwrap_or_default();
    matches!(Place::of(folder), Some(Place::Contract(_)))
}

/// The names that a contract gives, if they have two words or more: `Status` is nobody's own.
fn events(contract: &Source) -> Vec<String> {
    let names = contract.tree.items.iter().filter_map(|item| match item {
        syn::Item::Struct(item) => Some(item.ident.to_string()),
        syn::Item::Enum(item) => Some(item.ident.to_string()),
        _ => None,
    });
    names.filter(|name| words_of(name).len() > 1).map(|name| name.to_lowercase()).collect()
}

/// One finding per line and word.
pub fn check(words: &Words, below: &[Text]) -> Vec<Finding> {
    below.iter().flat_map(|text| check_text(words, text)).collect()
}

fn check_text(words: &Words, text: &Text) -> Vec<Finding> {
    let mut found = BTreeSet::new();
    for (index, line) in text.text.lines().enumerate() {
        found.extend(held(line, &words.telling).map(|word| (index + 1, word)));
    }
    if source::is(&text.path, "rs") {
        let tokens: TokenStream = text.text.parse().unwrap_or_default();
        literals(&tokens, &mut |line, literal| {
            if !literal.contains(char::is_whitespace) {
                found.extend(held(literal, &words.ordinary).map(|word| (line, word)));
            }
        });
    }
    found.into_iter().map(|(line, word)| finding(&text.path, line, word)).collect()
}

fn finding(path: &str, line: usize, word: &str) -> Finding {
    Finding::on_line(path, line, format!("`{word}` is a word of a fleet: a crate knows none"))
}

/// Those of the words that are in the text, alone or as part of a name.
fn held<'a>(text: &str, words: &'a BTreeSet<String>) -> impl Iterator<Item = &'a str> {
    let names: Vec<Vec<String>> = text
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|name| !STANDARD.contains(name))
        .map(words_of)
        .collect();
    words.iter().map(String::as_str).filter(move |word| names.iter().any(|name| names_it(name, word)))
}

/// Whether neighbours among a name's words make up the word, or its plural: `my_pages` holds `mypage`.
fn names_it(name: &[String], word: &str) -> bool {
    (0..name.len()).any(|first| {
        (first + 1..=name.len()).any(|end| {
            let joined = name[first..end].concat();
            joined == word || joined.strip_suffix('s') == Some(word) || joined.strip_suffix("es") == Some(word)
        })
    })
}

/// The words of a name in snake or camel case, in lower case.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for letter in name.chars() {
        if letter == '_' || letter.is_uppercase() && after_small {
            words.push(String::new());
        }
        after_small = letter.is_lowercase() || letter.is_numeric();
        if let Some(word) = words.last_mut().filter(|_| letter != '_') {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Tells of every text in the code, also inside macros, with its line.
fn literals(tokens: &TokenStream, tell: &mut impl FnMut(usize, &str)) {
    for token in tokens.clone() {
        match token {
            TokenTree::Group(group) => literals(&group.stream(), tell),
            TokenTree::Literal(literal) => match syn::Lit::new(literal) {
                syn::Lit::Str(text) => tell(text.span().start().line, &text.value()),
                syn::Lit::ByteStr(bytes) => {
                    tell(bytes.span().start().line, &String::from_utf8_lossy(&bytes.value()));
                }
                _ => {}
            },
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        let package =
            |folder: &str| Package { name: String::new(), folder: folder.to_owned(), dependencies: Vec::new() };
        let packages = ["services/matching/match", "services/matching/mypage", "crates/store"].map(package);
        let contract = "pub struct MatchRequested { id: i64 }\npub enum Status { A }";
        let contract = Source::parse("services/matching/match/contract/src/lib.rs", contract).unwrap();
        Words::of(&packages, &[contract])
    }

    fn found(path: &str, text: &str) -> Vec<String> {
        let text = Text { path: path.to_owned(), text: text.to_owned() };
        let findings = check(&words(), &[text]);
        findings.into_iter().map(|f| f.text.split('`').nth(1).unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn words_come_from_folders_contracts_and_people() {
        let Words { telling, ordinary } = words();
        let of = |words: BTreeSet<String>| words.into_iter().collect::<Vec<_>>();
        assert_eq!(of(telling), ["matchrequested", "mypage", "student", "teacher", "tutor"]);
        assert_eq!(of(ordinary), ["match", "matching"]);
    }

    #[test]
    fn a_telling_word_is_found_in_names_comments_and_other_texts() {
        for text in ["let my_pages = 1;", "fn a_mypage() {}", "// as in MyPage", "struct MatchRequestedBy;", "Tutors"] {
            assert_eq!(found("a.rs", text).len(), 1, "{text}");
        }
        assert_eq!(found("a.sql", "CREATE TABLE mypage ();"), ["mypage"]);
    }

    #[test]
    fn a_word_inside_another_is_let_be() {
        assert_eq!(found("a.rs", "// institutor, mypaged, studentship"), Vec::<String>::new());
    }

    #[test]
    fn a_name_from_a_standard_is_let_be() {
        let words = Words { telling: BTreeSet::from(["payment".to_owned()]), ordinary: BTreeSet::new() };
        let text = |text: &str| [Text { path: "a.rs".to_owned(), text: text.to_owned() }];
        assert_eq!(check(&words, &text("StatusCode::PAYMENT_REQUIRED")), []);
        assert_eq!(check(&words, &text("PAYMENT_REQUIRED_NOW")).len(), 1);
    }

    #[test]
    fn an_ordinary_word_is_found_only_as_a_text_of_one_piece() {
        for text in ["let a = \"match\";", "f!(\"/matches\")", "const T: &str = \"matching.dead\";", "b\"match\""] {
            assert_eq!(found("a.rs", text).len(), 1, "{text}");
        }
        for text in ["match a { _ => 1 }", "let matching = 1;", "// match", "let a = \"no route to match\";"] {
            assert_eq!(found("a.rs", text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn the_line_is_told() {
        let text = Text { path: "a.rs".to_owned(), text: "\n\nlet tutor = 1;".to_owned() };
        assert_eq!(check(&words(), &[text])[0].place, "a.rs:3");
    }
}
