//! The auditor as a user runs it, where there is nothing to read.

use std::process::{Command, Output};

#[cfg(test)]
fn auditor(arguments: &[&str]) -> Output {
    let mut auditor = Command::new(env!("CARGO_BIN_EXE_matching-audit"));
    // No server listens there, and the connection fails at once.
    auditor.args(["--kafka-brokers", "127.0.0.1:1"]).args(arguments);
    for context in ["MATCH", "PAYMENT", "VISIT"] {
        auditor.env(format!("STORE_URL_{context}"), "sqlite:/nowhere/store.db");
    }
    auditor.env_remove("STORE_URL_MYPAGE").output().unwrap()
}

#[cfg(test)]
fn error_of(arguments: &[&str]) -> String {
    let output = auditor(arguments);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_missing_store_is_one_line() {
    let expected = "matching-audit: no URL is given for the store of mypage: --store mypage=URL, or STORE_URL_MYPAGE in \
                    the environment\n";
    assert_eq!(error_of(&[]), expected);
}

#[test]
fn a_store_that_cannot_be_read_is_one_line_that_names_it() {
    let line = error_of(&["--store", "mypage=sqlite:/nowhere/store.db"]);
    assert!(line.starts_with("matching-audit: the store of match cannot be read: "), "{line}");
    assert_eq!(line.lines().count(), 1);
}

#[test]
fn the_client_history_is_read_first() {
    let file = env!("CARGO_MANIFEST_DIR").to_owned() + "/Cargo.toml";
    let line = error_of(&["--store", "mypage=sqlite:/nowhere/store.db", "--client-history", &file]);
    assert!(line.starts_with(&format!("matching-audit: {file}: line 1: ")), "{line}");
}

#[test]
fn the_former_name_of_the_option_works() {
    let line = error_of(&["--store", "mypage=sqlite:/nowhere/store.db", "--told", "/nowhere/history.jsonl"]);
    assert!(line.starts_with("matching-audit: /nowhere/history.jsonl: "), "{line}");
}
