//! A client that costs little, so that what is measured is the other side: one request at a time, connections kept.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest answer that is read: the metrics of a service are some kilobytes.
const LONGEST: usize = 4 * 1024 * 1024;

/// One user with one connection, opened again when the server closes it.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    connection: Option<TcpStream>,
    /// What was read: the answer, from the beginning.
    buffer: Vec<u8>,
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Where the body begins.
    begin: usize,
    /// Where it ends.
    end: usize,
    closes: bool,
}

/// A request for a path.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}

/// A request with a JSON body.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

impl Client {
    /// A user of this server. Nothing is opened yet.
    pub const fn new(address: SocketAddr) -> Self {
        Self { address, connection: None, buffer: Vec::new() }
    }

    /// Sends a request and reads its answer; once more on a fresh connection if a kept one turns out to be closed.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        let head = match self.connection.take() {
            Some(kept) => match self.exchange(kept, request).await {
                Ok(head) => head,
                Err(_) => self.exchange_afresh(request).await?,
            },
            None => self.exchange_afresh(request).await?,
        };
        Ok(Answer { status: head.status, body: &self.buffer[head.begin..head.end] })
    }

    async fn exchange_afresh(&mut self, request: &[u8]) -> io::Result<Head> {
        let fresh = TcpStream::connect(self.address).await?;
        fresh.set_nodelay(true)?;
        self.exchange(fresh, request).await
    }

    async fn exchange(&mut self, mut connection: TcpStream, request: &[u8]) -> io::Result<Head> {
        connection.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            if connection.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if self.buffer.len() > LONGEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            match read_head(&self.buffer)? {
                Some(head) if self.buffer.len() >= head.end => break head,
                _ => {}
            }
        };
        if !head.closes {
            self.connection = Some(connection);
        }
        Ok(head)
    }
}

/// The head, once it is there whole. All our services say how long their bodies are.
fn read_head(read: &[u8]) -> io::Result<Option<Head>> {
    let Some(length) = read.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let wrong = || io::Error::from(io::ErrorKind::InvalidData);
    let text = std::str::from_utf8(&read[..length]).map_err(|_| wrong())?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or_else(wrong)?;
    let (mut body, mut closes) = (None, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            body = value.trim().parse::<usize>().ok();
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.trim().eq_ignore_ascii_case("close");
        }
    }
    let begin = length + 4;
    Ok(Some(Head { status, begin, end: begin + body.ok_or_else(wrong)?, closes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let text = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
        assert_eq!(read_head(text).unwrap(), Some(Head { status: 201, begin: 62, end: 67, closes: true }));
        assert_eq!(read_head(&text[..40]).unwrap(), None);
        assert!(read_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[tokio::test]
    async fn a_connection_that_the_server_closed_is_opened_again() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = Client::new(listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            for _ in 0..2 {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let _ = connection.read(&mut request).await.unwrap();
                connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            }
        });
        for _ in 0..2 {
            let answer = client.ask(&get("/")).await.unwrap();
            assert_eq!(answer, Answer { status: 200, body: b"ok" });
        }
        server.await.unwrap();
    }
}
