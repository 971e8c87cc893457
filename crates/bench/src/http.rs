//! An HTTP client that costs little CPU, because the server is what is measured: one request at a time, one kept connection.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The maximum length of a response: the metrics of a service are some kilobytes.
const MAX_RESPONSE: usize = 4 * 1024 * 1024;

/// A client with one connection, which is opened again after the server has closed it.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    connection: Option<TcpStream>,
    /// The bytes of the response.
    buffer: Vec<u8>,
}

/// A response.
#[derive(Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    status: u16,
    /// The index of the first byte of the body.
    begin: usize,
    /// The index after its last byte.
    end: usize,
    closes: bool,
}

/// A GET.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}

/// A POST with a JSON body.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

impl Client {
    /// A client of this server, without a connection yet.
    pub const fn new(address: SocketAddr) -> Self {
        Self { address, connection: None, buffer: Vec::new() }
    }

    /// Sends a request and reads its response; again on a new connection if the kept one is closed.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<Response<'_>> {
        let head = match self.connection.take() {
            Some(kept) => match self.exchange(kept, request).await {
                Ok(head) => head,
                Err(_) => self.exchange_on_new_connection(request).await?,
            },
            None => self.exchange_on_new_connection(request).await?,
        };
        Ok(Response { status: head.status, body: &self.buffer[head.begin..head.end] })
    }

    async fn exchange_on_new_connection(&mut self, request: &[u8]) -> io::Result<Head> {
        let connection = TcpStream::connect(self.address).await?;
        connection.set_nodelay(true)?;
        self.exchange(connection, request).await
    }

    async fn exchange(&mut self, mut connection: TcpStream, request: &[u8]) -> io::Result<Head> {
        connection.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            if connection.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if self.buffer.len() > MAX_RESPONSE {
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

/// The head, once it is complete. Our services send the length of every body.
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
    fn a_response_ends_by_its_length() {
        let text = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
        assert_eq!(read_head(text).unwrap(), Some(Head { status: 201, begin: 62, end: 67, closes: true }));
        assert_eq!(read_head(&text[..40]).unwrap(), None);
        assert!(read_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[tokio::test]
    async fn a_connection_that_the_server_has_closed_is_opened_again() {
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
            let response = client.send(&get("/")).await.unwrap();
            assert_eq!(response, Response { status: 200, body: b"ok" });
        }
        server.await.unwrap();
    }
}
