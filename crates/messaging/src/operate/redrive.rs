//! Dead letters of a context, and their redrive: the record is published again for that context alone.

use std::collections::BTreeMap;

use rdkafka::error::KafkaError;

use super::reader::{From, Reader, record_at};
use crate::inbound::dead_letters::{REDRIVEN_FOR, for_redrive};
use crate::kafka::producer::send_once;
use crate::{Config, DeadLetter, LetterEntry, Record, RecordPosition, Redriven};

/// The context that a redriven record is for, which the others skip. `None` for other records.
pub fn redriven_for(record: &Record) -> Option<String> {
    record.header(REDRIVEN_FOR).map(|context| String::from_utf8_lossy(context).into_owned())
}

/// The unresolved dead letters of a context, by the positions of their records. Blocks.
pub fn dead_letters(config: &Config, context: &str) -> Result<Vec<DeadLetter>, KafkaError> {
    let topic = config.dead_letter_topic(context);
    let records = Reader::new(config, &[topic], From::Beginning)?.rest()?;
    Ok(unresolved_letters(&records))
}

/// The unresolved dead letters among these records of a dead-letter topic, by the positions of their records.
pub fn unresolved_letters(records: &[Record]) -> Vec<DeadLetter> {
    unresolved(records.iter().filter_map(LetterEntry::read))
}

/// The letters without a later note. A letter and its notes have one key, so they are read in their order. A letter that
/// follows its note, after the rebuild of a view, is unresolved again.
fn unresolved(entries: impl Iterator<Item = LetterEntry>) -> Vec<DeadLetter> {
    let mut letters = BTreeMap::new();
    for entry in entries {
        match entry {
            LetterEntry::Dead(letter) => drop(letters.insert(letter.place.clone(), letter)),
            LetterEntry::Redriven(note) => drop(letters.remove(&note.letter)),
        }
    }
    letters.into_values().collect()
}

/// Why a dead letter was not sent again.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// The broker failed.
    #[error(transparent)]
    Broker(#[from] KafkaError),
    /// The letter is truncated, and the broker has deleted the record.
    #[error("the letter has only a part of the record, and the record is no longer at {0}")]
    Gone(RecordPosition),
    /// The note cannot be encoded.
    #[error("the note about it cannot be written: {0}")]
    Note(#[from] serde_json::Error),
}

/// Publishes the record of a dead letter to its topic again, for `context` alone, and then a note about it. Returns the new
/// position. The record of a truncated letter is read from its topic.
///
/// After a crash between the two, the letter is unresolved: it can be redriven again, and the inbox skips the duplicate.
pub async fn redrive(
    config: &Config,
    context: &str,
    letter: &DeadLetter,
    ids: &ambient::Ids,
    now: ambient::Timestamp,
) -> Result<RecordPosition, RedriveError> {
    let record = match letter.record() {
        Some(record) => record,
        None => {
            original_record(config, &letter.place).await?.ok_or_else(|| RedriveError::Gone(letter.place.clone()))?
        }
    };
    let place = send_once(config, &letter.place.topic, &for_redrive(record, context)).await?;
    let note = LetterEntry::Redriven(Redriven { letter: letter.place.clone(), place: place.clone() });
    let (kind, data) = note.encode()?;
    let envelope = events::Envelope {
        id: ids.uuid().to_string(),
        source: "/flotilla/redrive".to_owned(),
        kind,
        subject: letter.key(),
        time: now,
        trace: None,
        data,
    };
    let record = Record::carrying(&envelope, place.clone());
    send_once(config, &config.dead_letter_topic(context), &record).await?;
    Ok(place)
}

/// The record at this position, if the broker still has it.
async fn original_record(config: &Config, place: &RecordPosition) -> Result<Option<Record>, KafkaError> {
    let (config, place) = (config.clone(), place.clone());
    tokio::task::spawn_blocking(move || record_at(&config, &place)).await.unwrap_or(Err(KafkaError::Canceled))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(offset: i64) -> DeadLetter {
        let place = RecordPosition { topic: "fleet.crane".to_owned(), partition: 0, offset };
        DeadLetter::of(&Record::empty(place), "no".to_owned(), 1)
    }

    #[test]
    fn a_letter_is_unresolved_until_it_is_redriven_and_again_when_its_record_fails_again() {
        let dead = |offset| LetterEntry::Dead(letter(offset));
        let sent = |from, to| LetterEntry::Redriven(Redriven { letter: letter(from).place, place: letter(to).place });
        let left = |entries: Vec<LetterEntry>| unresolved(entries.into_iter());
        assert_eq!(left(vec![dead(2), dead(1), dead(2)]), [letter(1), letter(2)]);
        assert_eq!(left(vec![dead(1), sent(1, 9)]), []);
        assert_eq!(left(vec![dead(1), sent(1, 9), dead(9)]), [letter(9)]);
        assert_eq!(left(vec![dead(1), sent(1, 9), dead(1)]), [letter(1)]);
    }
}
