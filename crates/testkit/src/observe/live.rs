//! Server-sent events.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use reqwest::Response;
use tokio::time::timeout;

/// An open stream of server-sent events.
pub struct Live {
    chunks: BoxStream<'static, reqwest::Result<Vec<u8>>>,
    text: String,
}

/// One server-sent event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The id, from which the stream can be resumed.
    pub id: String,
    /// The type of the event.
    pub event: String,
    /// The data.
    pub data: String,
}

impl Live {
    pub(crate) fn new(response: Response) -> Self {
        let chunks = response.bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec()));
        Self { chunks: chunks.boxed(), text: String::new() }
    }

    /// The next message; `None` at the regular end of the stream. An error if neither arrives within `limit`.
    pub async fn next(&mut self, limit: Duration) -> Result<Option<Message>> {
        timeout(limit, self.read()).await.with_context(|| format!("no message within {limit:?}"))?
    }

    async fn read(&mut self) -> Result<Option<Message>> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let message = parse(&block);
                if message != Message::default() {
                    return Ok(Some(message));
                }
            }
            match self.chunks.next().await {
                Some(chunk) => self.text.push_str(&String::from_utf8_lossy(&chunk?)),
                None => return Ok(None),
            }
        }
    }
}

/// Parses one block. A comment, which keeps the connection alive, yields the default message.
fn parse(block: &str) -> Message {
    let mut message = Message::default();
    for (name, value) in block.lines().filter_map(|line| line.split_once(':')) {
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match name {
            "id" => message.id = value,
            "event" => message.event = value,
            "data" => message.data.push_str(&value),
            _ => {}
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_fields_is_a_message_and_a_comment_is_none() {
        let message = parse("event: risen\ndata: {\"a\": 1}\nid: 7-1");
        assert_eq!(
            (message.id.as_str(), message.event.as_str(), message.data.as_str()),
            ("7-1", "risen", "{\"a\": 1}")
        );
        assert_eq!(parse(": still here"), Message::default());
    }
}
