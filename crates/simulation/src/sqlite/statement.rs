use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use sqlx_core::any::AnyValueKind;

use crate::mutation::Mutation;
use crate::sqlite::tag::{self, INBOX_INSERT, OUTBOX_INSERT};
use crate::world::{World, world_of};

/// The origin of statements: a world, a process and a store. Decides the faults of each statement.
#[derive(Debug, Clone)]
pub(crate) struct StatementContext {
    world: Arc<World>,
    process: String,
    store: String,
}

fn name(part: Option<&OsStr>) -> String {
    part.unwrap_or_default().to_string_lossy().into_owned()
}

impl StatementContext {
    /// From the path of a file, `world/process/store.db`.
    pub(crate) fn of(file: &Path) -> Self {
        let process = file.parent().unwrap_or(Path::new(""));
        let world = world_of(process.parent().unwrap_or(Path::new("")));
        Self { world, process: name(process.file_name()), store: name(file.file_stem()) }
    }

    /// Waits for the duration of a round trip. Returns whether the store is reachable.
    pub(crate) async fn round_trip(&self) -> bool {
        self.world.delay().await;
        !self.world.outages().store_is_out(&self.store)
    }

    /// The faults before a statement is executed. `false`: the connection breaks.
    pub(crate) async fn before(&self, sql: &str) -> bool {
        if !self.round_trip().await {
            return false;
        }
        let risks = self.world.risks();
        if self.world.occurs(risks.killed_before_statement) {
            self.kill(sql, "before").await;
        }
        let rejected = self.world.occurs(risks.statement_rejected);
        self.record(rejected, "loses the connection before", sql)
    }

    /// The faults after a statement was executed. `false`: the connection breaks, and the result is lost.
    pub(crate) async fn after(&self, sql: &str) -> bool {
        let risks = self.world.risks();
        if self.world.occurs(risks.killed_after_statement) {
            self.kill(sql, "after").await;
        }
        let lost = self.world.occurs(risks.statement_result_lost);
        self.record(lost, "loses the result of", sql)
    }

    /// Whether the disk is full at the commit of a transaction.
    pub(crate) fn disk_is_full(&self) -> bool {
        let full = self.world.occurs(self.world.risks().disk_full);
        !self.record(full, "finds the disk full at", "COMMIT")
    }

    /// Records a fault if it occurs. Returns whether it does not.
    fn record(&self, occurs: bool, what: &str, sql: &str) -> bool {
        if occurs {
            self.world.record(&self.process, None, format!("{what} {}", short(sql)));
        }
        !occurs
    }

    async fn kill(&self, sql: &str, when: &str) {
        if self.world.kill(&self.process, &format!("{when} {}", short(sql))) {
            // The task is dropped with its process.
            std::future::pending::<()>().await;
        }
    }

    /// Counts events whose inbox rows are committed.
    pub(crate) fn count_applied(&self, events: &[String]) {
        self.world.count_applied(&self.store, events);
    }

    /// Records the tag of the statement. Returns whether a mutation skips it.
    pub(crate) fn is_skipped(&self, sql: &str) -> bool {
        let (Some(tag), _) = tag::split(sql) else { return false };
        self.world.record_tag(tag);
        matches!(self.world.mutation(), Some(Mutation::SkipStatement(skipped)) if skipped == tag)
    }

    /// The effects of a mutation before a statement. Returns a statement to execute before it.
    pub(crate) async fn mutate(&self, sql: &str, arguments: &[AnyValueKind]) -> Option<String> {
        match (self.world.mutation(), tag::split(sql), arguments) {
            (Some(Mutation::NoInbox), (Some(INBOX_INSERT), _), _) => Some("DELETE FROM inbox".to_owned()),
            (Some(Mutation::PublishBeforeCommit), (Some(OUTBOX_INSERT), _), [AnyValueKind::Text(rows)]) => {
                for event in self.world.log().append_rows(rows) {
                    let case = event.subject.parse().ok();
                    self.world.record(
                        &self.process,
                        case,
                        format!("publishes before the commit {} ({})", event.kind, event.id),
                    );
                }
                self.world.delay().await;
                None
            }
            _ => None,
        }
    }
}

/// The beginning of a statement, without its tag.
fn short(sql: &str) -> String {
    let words: Vec<&str> = tag::split(sql).1.split_whitespace().take(6).collect();
    words.join(" ")
}
