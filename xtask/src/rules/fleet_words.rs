//! No word of a fleet in `crates/`, neither in code nor in comments.
//!
//! The words are derived from the folders and contracts of the fleets, so that a new fleet is covered at once.

use crate::{
    finding::Finding,
    source::{self, Source, Text},
    workspace::{Context, Package, Place},
};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;

/// Names of contexts and fleets that are also words of Rust, of its crates or of plain English. They are searched only in
/// literals without blanks, such as "match" or "/visits": a path, a topic, a field.
const ORDINARY: &[&str] = &["delivery", "match", "matching", "notification", "order", "storage", "visit"];
/// Names of contexts that are terms of Kafka, gRPC, `AsyncAPI`, logs and payment, and so of settings and fields. They are not
/// searched.
const TERMS: &[&str] = &["message", "refund"];
/// Names of standards and of other crates: a status of HTTP, a target of logs.
const STANDARD: &[&str] = &["PAYMENT_REQUIRED", "tansu_storage"];
/// Roles of people in the fleets, which have no folders. Not those that are plain English: customer, manager, operator.
const ROLES: &[&str] = &["student", "teacher", "tutor"];

/// The words of all fleets, in lower case.
pub struct Words {
    specific: BTreeSet<String>,
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
        let all = contexts.flatten().chain(events).chain(ROLES.iter().map(ToString::to_string));
        let all = all.filter(|word| !TERMS.contains(&word.as_str()));
        let (ordinary, specific) = all.partition(|word| ORDINARY.contains(&word.as_str()));
        Self { specific, ordinary }
    }
}

fn is_contract(path: &str) -> bool {
    let folder = path.split("/src/").next().unwrap_or_default();
    matches!(Place::of(folder), Some(Place::Contract(_)))
}

/// The names of the types of a contract, if they have two words or more: `Status` is too general.
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
        let words = contained(line, &words.specific).filter(|word| !is_of_crate(&text.path, word));
        found.extend(words.map(|word| (index + 1, word)));
    }
    if source::is(&text.path, "rs") {
        let tokens: TokenStream = text.text.parse().unwrap_or_default();
        literals(&tokens, &mut |line, literal| {
            if !literal.contains(char::is_whitespace) {
                found.extend(contained(literal, &words.ordinary).map(|word| (line, word)));
            }
        });
    }
    found.into_iter().map(|(line, word)| finding(&text.path, line, word)).collect()
}

/// Whether the word is the name of the crate: several fleets have a context of this kind, and the crate is what they share.
fn is_of_crate(path: &str, word: &str) -> bool {
    let folder = path.strip_prefix("crates/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    folder.split('-').next() == Some(word)
}

fn finding(path: &str, line: usize, word: &str) -> Finding {
    Finding::on_line(path, line, format!("`{word}` is a word of a fleet: crates are independent of fleets"))
}

/// The subset of the words that are in the text, alone or as part of a name.
fn contained<'a>(text: &str, words: &'a BTreeSet<String>) -> impl Iterator<Item = &'a str> {
    let names: Vec<Vec<String>> = text
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|name| !STANDARD.contains(name))
        .map(words_of)
        .collect();
    words.iter().map(String::as_str).filter(move |word| names.iter().any(|name| contains_word(name, word)))
}

/// Whether adjacent words of a name make up the word or its plural: `my_pages` contains `mypage`.
fn contains_word(name: &[String], word: &str) -> bool {
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

/// Calls `found` with each literal, also inside macros, and its line.
fn literals(tokens: &TokenStream, found: &mut impl FnMut(usize, &str)) {
    for token in tokens.clone() {
        match token {
            TokenTree::Group(group) => literals(&group.stream(), found),
            TokenTree::Literal(literal) => match syn::Lit::new(literal) {
                syn::Lit::Str(text) => found(text.span().start().line, &text.value()),
                syn::Lit::ByteStr(bytes) => {
                    found(bytes.span().start().line, &String::from_utf8_lossy(&bytes.value()));
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
        let packages =
            ["services/matching/match", "services/matching/mypage", "services/rental/message", "crates/store"]
                .map(package);
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
    fn words_are_derived_from_folders_contracts_and_roles() {
        let Words { specific, ordinary } = words();
        let of = |words: BTreeSet<String>| words.into_iter().collect::<Vec<_>>();
        assert_eq!(of(specific), ["matchrequested", "mypage", "rental", "student", "teacher", "tutor"]);
        assert_eq!(of(ordinary), ["match", "matching"]);
    }

    #[test]
    fn a_specific_word_is_found_in_names_comments_and_other_texts() {
        for text in ["let my_pages = 1;", "fn a_mypage() {}", "// as in MyPage", "struct MatchRequestedBy;", "Tutors"] {
            assert_eq!(found("a.rs", text).len(), 1, "{text}");
        }
        assert_eq!(found("a.sql", "CREATE TABLE mypage ();"), ["mypage"]);
    }

    #[test]
    fn a_word_inside_another_is_ignored() {
        assert_eq!(found("a.rs", "// institutor, mypaged, studentship"), Vec::<String>::new());
    }

    #[test]
    fn a_name_of_a_standard_is_ignored() {
        let words = Words { specific: BTreeSet::from(["payment".to_owned()]), ordinary: BTreeSet::new() };
        let text = |text: &str| [Text { path: "a.rs".to_owned(), text: text.to_owned() }];
        assert_eq!(check(&words, &text("StatusCode::PAYMENT_REQUIRED")), []);
        assert_eq!(check(&words, &text("PAYMENT_REQUIRED_NOW")).len(), 1);
    }

    #[test]
    fn a_crate_may_use_the_name_of_its_kind_of_context_and_no_other_word_of_a_fleet() {
        for path in ["crates/mypage/src/a.rs", "crates/mypage-stub/src/a.rs"] {
            assert_eq!(found(path, "struct MyPage;"), Vec::<String>::new(), "{path}");
            assert_eq!(found(path, "struct Student;"), ["student"], "{path}");
        }
        assert_eq!(found("crates/pages/src/a.rs", "struct MyPage;"), ["mypage"]);
    }

    #[test]
    fn an_ordinary_word_is_found_only_in_a_literal_without_blanks() {
        for text in ["let a = \"match\";", "f!(\"/matches\")", "const T: &str = \"matching.dead\";", "b\"match\""] {
            assert_eq!(found("a.rs", text).len(), 1, "{text}");
        }
        for text in ["match a { _ => 1 }", "let matching = 1;", "// match", "let a = \"no route to match\";"] {
            assert_eq!(found("a.rs", text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_finding_has_its_line() {
        let text = Text { path: "a.rs".to_owned(), text: "\n\nlet tutor = 1;".to_owned() };
        assert_eq!(check(&words(), &[text])[0].place, "a.rs:3");
    }
}
