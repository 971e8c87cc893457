use anyhow::Result;
use testkit::ServerCommand;
use tokio::task::JoinHandle;

/// The commands on external servers. They run in the background, one after the other for each server: a broker may take half
/// a minute to start.
#[derive(Default)]
pub struct ServerCommands {
    broker: Option<JoinHandle<Result<()>>>,
    stores: Option<JoinHandle<Result<()>>>,
}

impl ServerCommands {
    /// Runs a command after those before it, and then calls `done`.
    pub fn run(&mut self, command: ServerCommand, done: impl FnOnce() + Send + 'static) {
        let to_broker = matches!(command, ServerCommand::KillBroker | ServerCommand::StartBroker);
        let last = if to_broker { &mut self.broker } else { &mut self.stores };
        let before = last.take();
        *last = Some(tokio::spawn(async move {
            if let Some(before) = before {
                before.await??;
            }
            command.carry_out().await?;
            done();
            Ok(())
        }));
    }

    /// Waits until all have run. An error is that of the first that failed.
    pub async fn finished(&mut self) -> Result<()> {
        for last in [self.broker.take(), self.stores.take()].into_iter().flatten() {
            last.await??;
        }
        Ok(())
    }
}
