//! `flotilla redrive`: lists dead letters and rejected events, or redrives them and reports the outcome of each.

mod args;
mod letters;
mod outbox;
mod refused;

use crate::output::screen::Screen;

pub use args::{RedriveArgs, RedriveError};

/// Lists or redrives dead letters and rejected events. Returns whether all that were redriven are handled or published.
pub async fn redrive(args: &RedriveArgs, screen: &Screen) -> Result<bool, RedriveError> {
    let client = args.client.client()?;
    let contexts = client.contexts(&args.context)?;
    if args.letter.is_empty() && args.event.is_empty() && !args.all {
        letters::list(&letters::find(&client, &contexts).await?, args.json, screen);
        refused::list(&refused::find(&client, &contexts).await, args.json, screen);
        return Ok(true);
    }
    let published = refused::put_back(&client, &contexts, args, screen).await?;
    let handled = args.letter.is_empty() && !args.all || letters::redrive(&client, &contexts, args, screen).await?;
    Ok(published && handled)
}
