//! Tags of statements: a comment at the beginning, such as `/* inbox: insert */`. The simulation recognises statements by
//! them, so that another wording of a statement disables neither a mutation nor an oracle.

/// The statement that inserts the ids of new events into an inbox.
pub(crate) const INBOX_INSERT: &str = "inbox: insert";

/// The statement that inserts the events of a transaction into an outbox.
pub(crate) const OUTBOX_INSERT: &str = "outbox: insert";

/// The tag of a statement, if it has one, and its text.
pub(crate) fn split(sql: &str) -> (Option<&str>, &str) {
    let tagged = sql.strip_prefix("/* ").and_then(|rest| rest.split_once(" */"));
    tagged.map_or((None, sql), |(tag, text)| (Some(tag), text.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_comment_at_the_beginning() {
        assert_eq!(split("/* inbox: insert */ INSERT INTO inbox"), (Some(INBOX_INSERT), "INSERT INTO inbox"));
        for untagged in ["INSERT INTO inbox", "SELECT 1 /* late */", "/* open", ""] {
            assert_eq!(split(untagged), (None, untagged));
        }
    }
}
