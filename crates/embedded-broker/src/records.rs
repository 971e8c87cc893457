//! Records that the log can give back.
//!
//! Tansu stores what it cannot read again, or deliver. One such record would end every fetch of its partition, and of all
//! partitions on the same connection. So each batch is checked and changed before it is stored:
//!
//! - Timestamps are brought into range: Kafka takes any, and -1 for none; Tansu cannot read one from before 1970 or beyond
//!   what it can add up.
//! - Compression is removed: Tansu inflates Snappy and cannot deflate it again, and clients may lack a codec.
//! - A batch that cannot be inflated is rejected, and so is a record above [`MAX_RECORD_BYTES`].

use rama::{Context, Service};
use tansu_sans_io::{
    ErrorCode, ProduceRequest, ProduceResponse,
    produce_response::{PartitionProduceResponse, TopicProduceResponse},
    record::{Record, deflated, inflated},
};

/// The last millisecond of the year 9999.
const LATEST: i64 = 253_402_300_799_999;

/// The key, the value and the headers of a record. A fetch of Tansu returns records below 5 MiB.
pub const MAX_RECORD_BYTES: usize = 4 * 1024 * 1024;

/// The bits of a batch's attributes that name its compression.
const COMPRESSION: i16 = 0b111;

/// Stores batches that can be delivered, and rejects the others.
pub struct Deliverable<I>(pub I);

impl<I, S> Service<S, ProduceRequest> for Deliverable<I>
where
    I: Service<S, ProduceRequest, Response = ProduceResponse>,
    S: Clone + Send + Sync + 'static,
{
    type Response = ProduceResponse;
    type Error = I::Error;

    async fn serve(&self, context: Context<S>, mut request: ProduceRequest) -> Result<ProduceResponse, I::Error> {
        let rejected = take_rejected(&mut request);
        let response = self.0.serve(context, request).await?;
        Ok(rejected.into_iter().fold(response, with_rejection))
    }
}

/// A partition of a request that is not stored.
struct Rejected {
    topic: String,
    partition: i32,
    code: ErrorCode,
}

/// Changes the batches of all partitions. Removes the partitions that are rejected.
fn take_rejected(request: &mut ProduceRequest) -> Vec<Rejected> {
    let mut rejected = Vec::new();
    for topic in request.topic_data.iter_mut().flatten() {
        let Some(partitions) = &mut topic.partition_data else { continue };
        partitions.retain_mut(|data| {
            let mut batches = data.records.iter_mut().flat_map(|frame| frame.batches.iter_mut());
            let code = batches.find_map(|batch| make_deliverable(batch).err());
            rejected.extend(code.map(|code| Rejected { topic: topic.name.clone(), partition: data.index, code }));
            code.is_none()
        });
    }
    rejected
}

fn with_rejection(mut response: ProduceResponse, rejected: Rejected) -> ProduceResponse {
    let partition = PartitionProduceResponse::default()
        .index(rejected.partition)
        .error_code(rejected.code.into())
        .base_offset(-1)
        .log_append_time_ms(Some(-1))
        .log_start_offset(Some(-1))
        .record_errors(Some(Vec::new()));
    let topics = response.responses.get_or_insert_default();
    match topics.iter_mut().find(|topic| topic.name == rejected.topic) {
        Some(topic) => topic.partition_responses.get_or_insert_default().push(partition),
        None => {
            topics
                .push(TopicProduceResponse::default().name(rejected.topic).partition_responses(Some(vec![partition])));
        }
    }
    response
}

fn make_deliverable(batch: &mut deflated::Batch) -> Result<(), ErrorCode> {
    let mut read = inflated::Batch::try_from(&*batch).map_err(|_| ErrorCode::CorruptMessage)?;
    if read.records.iter().any(|record| bytes(record) > MAX_RECORD_BYTES) {
        return Err(ErrorCode::MessageTooLarge);
    }
    let is_compressed = read.attributes & COMPRESSION != 0;
    read.attributes &= !COMPRESSION;
    if bring_into_range(&mut read) || is_compressed {
        *batch = deflated::Batch::try_from(read).map_err(|_| ErrorCode::CorruptMessage)?;
    }
    Ok(())
}

fn bytes(record: &Record) -> usize {
    let length = |bytes: &Option<_>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    let headers: usize = record.headers.iter().map(|header| length(&header.key) + length(&header.value)).sum();
    length(&record.key) + length(&record.value) + headers
}

/// Returns whether a timestamp was changed.
fn bring_into_range(read: &mut inflated::Batch) -> bool {
    let first = read.base_timestamp;
    let of = |delta: i64| first.saturating_add(delta);
    let in_range = |at: i64| (0..=LATEST).contains(&at);
    let exact = read.records.iter().all(|record| first.checked_add(record.timestamp_delta).is_some_and(in_range));
    if exact && in_range(first) && in_range(read.max_timestamp) {
        return false;
    }
    let begin = first.clamp(0, LATEST);
    for record in &mut read.records {
        record.timestamp_delta = of(record.timestamp_delta).clamp(0, LATEST) - begin;
    }
    read.base_timestamp = begin;
    read.max_timestamp = read.max_timestamp.clamp(0, LATEST);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(first: i64, deltas: &[i64]) -> Vec<i64> {
        let records = deltas.iter().map(|delta| Record::builder().timestamp_delta(*delta));
        let empty = inflated::Batch::builder().base_timestamp(first).max_timestamp(first);
        let batch = records.fold(empty, inflated::Builder::record).build().unwrap();
        let mut batch = deflated::Batch::try_from(batch).unwrap();
        make_deliverable(&mut batch).unwrap();
        let read = inflated::Batch::try_from(&batch).unwrap();
        assert!((0..=LATEST).contains(&read.max_timestamp));
        read.records.iter().map(|record| read.base_timestamp + record.timestamp_delta).collect()
    }

    #[test]
    fn every_timestamp_is_one_that_can_be_read_and_those_that_could_be_stay_as_they_are() {
        assert_eq!(times(1_000, &[0, 5, -1_000]), [1_000, 1_005, 0]);
        assert_eq!(times(-1, &[0]), [0]);
        assert_eq!(times(i64::MIN, &[0, i64::MIN]), [0, 0]);
        assert_eq!(times(i64::MAX, &[0, i64::MAX]), [LATEST, LATEST]);
        assert_eq!(times(5, &[-6, i64::MAX]), [0, LATEST]);
    }

    fn with_value(value: &[u8], attributes: i16) -> Result<deflated::Batch, ErrorCode> {
        let record = Record::builder().value(Some(bytes::Bytes::copy_from_slice(value)));
        let batch = inflated::Batch::builder().attributes(attributes).record(record).build().unwrap();
        let mut batch = deflated::Batch::try_from(batch).unwrap();
        make_deliverable(&mut batch).map(|()| batch)
    }

    #[test]
    fn compression_is_removed() {
        for codec in [0, 1, 3, 4] {
            let stored = with_value(b"value", codec).unwrap();
            assert_eq!(stored.attributes, 0);
            let read = inflated::Batch::try_from(&stored).unwrap();
            assert_eq!(read.records[0].value.as_deref(), Some(&b"value"[..]), "{codec}");
        }
    }

    #[test]
    fn a_batch_that_cannot_be_inflated_and_a_record_that_is_too_large_are_rejected() {
        let mut broken = with_value(b"value", 0).unwrap();
        broken.attributes = 4;
        assert_eq!(make_deliverable(&mut broken), Err(ErrorCode::CorruptMessage));
        assert!(with_value(&vec![0; MAX_RECORD_BYTES], 0).is_ok());
        assert_eq!(with_value(&vec![0; MAX_RECORD_BYTES + 1], 0).unwrap_err(), ErrorCode::MessageTooLarge);
    }
}
