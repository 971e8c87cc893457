use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use sqlx_core::any::AnyValueKind;

use crate::mutation::Mutation;
use crate::world::{World, world_of};

/// Where a connection stands: in which world, whose it is, and to which store.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    world: Arc<World>,
    process: String,
    store: String,
}

fn name(part: Option<&OsStr>) -> String {
    part.unwrap_or_default().to_string_lossy().into_owned()
}

impl Site {
    /// Of a file `world/process/store.db`.
    pub(crate) fn of(file: &Path) -> Self {
        let process = file.parent().unwrap_or(Path::new(""));
        let world = world_of(process.parent().unwrap_or(Path::new("")));
        Self { world, process: name(process.file_name()), store: name(file.file_stem()) }
    }

    /// Whether the store can be reached.
    pub(crate) async fn reach(&self) -> bool {
        self.world.pass_time().await;
        !self.world.away().is_store(&self.store)
    }

    /// What befalls a statement before it is carried out. `false`: the connection breaks.
    pub(crate) async fn before(&self, sql: &str) -> bool {
        if !self.reach().await {
            return false;
        }
        let risks = self.world.risks();
        if self.world.befalls(risks.dies_before_statement) {
            self.die(sql, "before").await;
        }
        let refused = self.world.befalls(risks.statement_refused);
        self.tell(refused, "is refused", sql)
    }

    /// What befalls a statement that was carried out. `false`: the connection breaks, and nobody learns of it.
    pub(crate) async fn after(&self, sql: &str) -> bool {
        let risks = self.world.risks();
        if self.world.befalls(risks.dies_after_statement) {
            self.die(sql, "after").await;
        }
        let unanswered = self.world.befalls(risks.statement_unanswered);
        self.tell(unanswered, "gets no answer to", sql)
    }

    /// Whether there is no room for what a transaction has to write.
    pub(crate) fn is_full(&self) -> bool {
        let full = self.world.befalls(self.world.risks().disk_full);
        !self.tell(full, "finds the disk full at", "COMMIT")
    }

    fn tell(&self, happens: bool, what: &str, sql: &str) -> bool {
        if happens {
            self.world.tell(&self.process, None, format!("{what} {}", short(sql)));
        }
        !happens
    }

    async fn die(&self, sql: &str, when: &str) {
        if self.world.kill(&self.process, &format!("{when} {}", short(sql))) {
            // Nothing comes after it: the task ends with its process.
            std::future::pending::<()>().await;
        }
    }

    /// These events were new, and what came of them is committed.
    pub(crate) fn applied(&self, events: &[String]) {
        self.world.applied(&self.store, events);
    }

    /// Whether the statement is one that a mutation leaves out.
    pub(crate) fn is_muted(&self, sql: &str) -> bool {
        matches!(self.world.mutation(), Some(Mutation::Muted(start)) if sql.starts_with(start))
    }

    /// What a mutation does before a statement; the statement that it puts before it.
    pub(crate) async fn comes_first(&self, sql: &str, arguments: &[AnyValueKind]) -> Option<String> {
        match (self.world.mutation(), arguments) {
            (Some(Mutation::NoInbox), _) if sql.starts_with("INSERT INTO inbox") => {
                Some("DELETE FROM inbox".to_owned())
            }
            (Some(Mutation::PublishBeforeCommit), [AnyValueKind::Text(rows)])
                if sql.starts_with("INSERT INTO outbox") =>
            {
                for event in self.world.log().append_rows(rows) {
                    let case = event.subject.parse().ok();
                    self.world.tell(&self.process, case, format!("says too early {} ({})", event.kind, event.id));
                }
                self.world.pass_time().await;
                None
            }
            _ => None,
        }
    }
}

/// The beginning of a statement.
fn short(sql: &str) -> String {
    let words: Vec<&str> = sql.split_whitespace().take(6).collect();
    words.join(" ")
}
