//! Records that no client library sends, encoded for the protocol of Kafka.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use events::Envelope;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::fleet::topics::{BROKER_TIMEOUT, Topics};

/// The polynomial of CRC-32C (Castagnoli), reflected.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The error code of a broker that does not lead the partition yet: the topic is new. Nothing was appended.
const NOT_LEADER: i16 = 6;

/// The time until the same request is sent again to such a broker.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A record with arbitrary bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgedRecord {
    /// The key; `None` for null.
    pub key: Option<Vec<u8>>,
    /// The headers: names and values of arbitrary bytes.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// The value; `None` for null.
    pub payload: Option<Vec<u8>>,
    /// The timestamp, in milliseconds since 1970.
    pub timestamp: i64,
}

impl From<&Envelope> for ForgedRecord {
    fn from(event: &Envelope) -> Self {
        let header = |(name, value): (&str, std::borrow::Cow<'_, str>)| {
            (name.as_bytes().to_vec(), Some(value.into_owned().into_bytes()))
        };
        Self {
            key: Some(event.subject.clone().into_bytes()),
            headers: event.headers().into_iter().map(header).collect(),
            payload: Some(event.data.clone().into_bytes()),
            timestamp: event.time.as_micros() / 1_000,
        }
    }
}

impl Topics {
    /// Appends these records to a partition of the topic of a context, over a plaintext connection. Returns the error code of
    /// the broker for each: 0 for success.
    pub async fn forge(&self, context: &str, partition: i32, records: &[ForgedRecord]) -> Result<Vec<i16>> {
        let (address, topic) = (self.brokers(), self.name(context));
        let address = address.split(',').next().unwrap_or_default();
        let appended = async {
            let mut broker = TcpStream::connect(address).await?;
            let mut codes = Vec::new();
            for record in records {
                let request = request(&topic, partition, &batch(record));
                let mut code = append(&mut broker, &request, &topic).await?;
                while code == NOT_LEADER {
                    sleep(POLL_INTERVAL).await;
                    code = append(&mut broker, &request, &topic).await?;
                }
                codes.push(code);
            }
            anyhow::Ok(codes)
        };
        timeout(BROKER_TIMEOUT, appended).await?
    }
}

/// Sends a request to append to this topic. Returns the error code.
async fn append(broker: &mut TcpStream, request: &[u8], topic: &str) -> Result<i16> {
    broker.write_all(request).await?;
    let length = usize::try_from(broker.read_i32().await?)?;
    ensure!(length < 1 << 20, "a response of {length} bytes");
    let mut response = vec![0; length];
    broker.read_exact(&mut response).await?;
    error_code(&response, topic.len()).context("the response is too short")
}

/// A Produce request of version 3, with its length prefix.
fn request(topic: &str, partition: i32, batch: &[u8]) -> Vec<u8> {
    let (api, version, correlation, no_client, no_transaction) = (0_i16, 3_i16, 1_i32, -1_i16, -1_i16);
    let mut body = Vec::new();
    for number in [api, version] {
        body.extend(number.to_be_bytes());
    }
    body.extend(correlation.to_be_bytes());
    // No client id, no transactional id, acks from all in-sync replicas.
    for number in [no_client, no_transaction, -1] {
        body.extend(number.to_be_bytes());
    }
    let (limit, one) = (10_000_i32, 1_i32);
    body.extend([limit.to_be_bytes(), one.to_be_bytes()].concat());
    body.extend(length::<i16>(topic.as_bytes()).to_be_bytes());
    body.extend(topic.as_bytes());
    body.extend([one, partition, length(batch)].map(i32::to_be_bytes).concat());
    body.extend(batch);
    [&length::<i32>(&body).to_be_bytes()[..], &body].concat()
}

/// The error code, behind the correlation id, the name of the topic and the number of the partition.
fn error_code(response: &[u8], topic: usize) -> Option<i16> {
    let at = 4 + 4 + 2 + topic + 4 + 4;
    Some(i16::from_be_bytes(response.get(at..at + 2)?.try_into().ok()?))
}

/// A batch of one record, in the format of version 2.
fn batch(record: &ForgedRecord) -> Vec<u8> {
    let (attributes, last_offset) = (0_i16, 0_i32);
    let mut checked = attributes.to_be_bytes().to_vec();
    checked.extend(last_offset.to_be_bytes());
    // The first and the last timestamp; no producer id.
    checked.extend([record.timestamp, record.timestamp, -1].map(i64::to_be_bytes).concat());
    let (epoch, sequence, count) = (-1_i16, -1_i32, 1_i32);
    checked.extend(epoch.to_be_bytes());
    checked.extend([sequence, count].map(i32::to_be_bytes).concat());
    checked.extend(bytes_of(record));
    let (offset, leader_epoch, magic) = (0_i64, -1_i32, 2_i8);
    let rest = length::<i32>(&checked) + 9;
    let head = [&offset.to_be_bytes()[..], &rest.to_be_bytes(), &leader_epoch.to_be_bytes(), &magic.to_be_bytes()];
    [head.concat(), crc32c(&checked).to_be_bytes().to_vec(), checked].concat()
}

fn bytes_of(record: &ForgedRecord) -> Vec<u8> {
    // Attributes, timestamp delta, offset delta.
    let mut body = vec![0, 0, 0];
    text(&mut body, record.key.as_deref());
    text(&mut body, record.payload.as_deref());
    varint(&mut body, length(&record.headers));
    for (name, value) in &record.headers {
        text(&mut body, Some(name));
        text(&mut body, value.as_deref());
    }
    let mut whole = Vec::new();
    varint(&mut whole, length(&body));
    whole.extend(body);
    whole
}

fn text(body: &mut Vec<u8>, bytes: Option<&[u8]>) {
    varint(body, bytes.map_or(-1, length));
    body.extend(bytes.unwrap_or_default());
}

/// Zigzag encoding, seven bits in each byte, least significant first.
fn varint(body: &mut Vec<u8>, number: i32) {
    let mut rest = (number << 1 ^ number >> 31).cast_unsigned();
    while rest > 0x7f {
        body.push(last_byte(rest) & 0x7f | 0x80);
        rest >>= 7;
    }
    body.push(last_byte(rest));
}

const fn last_byte(number: u32) -> u8 {
    let [last, ..] = number.to_le_bytes();
    last
}

fn length<N: TryFrom<usize> + Default>(of: &[impl Sized]) -> N {
    N::try_from(of.len()).unwrap_or_default()
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_and_lengths_are_those_of_the_protocol() {
        // The check value of CRC-32C.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        let written = |number| {
            let mut bytes = Vec::new();
            varint(&mut bytes, number);
            bytes
        };
        let expected =
            [(0, vec![0]), (-1, vec![1]), (1, vec![2]), (63, vec![126]), (64, vec![0x80, 1]), (300, vec![0xd8, 4])];
        for (number, bytes) in expected {
            assert_eq!(written(number), bytes, "{number}");
        }
    }
}
