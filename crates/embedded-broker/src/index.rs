//! What Tansu's log lacks: an index by which the headers of a record are found. Without it every record that is read
//! costs a look at the headers of all records: 20,000 events with eight headers each were read at 30 a second.

use crate::folder::LOG_FILE;
use libsql::{Builder, Error};

const SQL: &str = "CREATE INDEX IF NOT EXISTS header_of_record ON header (topition, offset_id)";

/// Makes the index, unless it is there. Tansu has made the table before.
pub async fn headers() -> Result<(), Error> {
    let log = Builder::new_local(LOG_FILE).build().await?;
    log.connect()?.execute(SQL, ()).await.map(drop)
}
