//! A service that only pretends: it answers `/readyz`, and does whatever else a test tells it by `PRETEND`.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

/// A test that fails leaves nothing behind for longer than this.
const LIFETIME: Duration = Duration::from_mins(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let pretend = std::env::var("PRETEND").unwrap_or_default();
    eprintln!("pretending {pretend:?}");
    if pretend == "broken" {
        eprintln!("the store is of a newer version");
        return ExitCode::from(7);
    }
    match serve(&pretend).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot serve: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(pretend: &str) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let address = std::env::var("BROKER_LISTEN").or_else(|_| std::env::var("LISTEN")).unwrap_or_default();
    let listener = TcpListener::bind(address.parse::<SocketAddr>().map_err(io::Error::other)?).await?;
    let answer = if pretend == "never ready" { "503 Service Unavailable" } else { "200 OK" };
    let mut old = pin!(tokio::time::sleep(LIFETIME));
    let mut alone = pin!(supervisor_gone());
    loop {
        tokio::select! {
            connection = listener.accept() => drop(tokio::spawn(reply(connection?.0, answer))),
            _ = terminate.recv(), if pretend != "deaf" => return Ok(()),
            () = &mut alone, if pretend != "deaf" => return Ok(()),
            () = &mut old => return Ok(()),
        }
    }
}

async fn reply(mut connection: TcpStream, answer: &str) -> io::Result<()> {
    let mut request = [0; 1024];
    let _ = connection.read(&mut request).await?;
    connection
        .write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes())
        .await
}

/// Its stdin is held open by the supervisor, as the services of a fleet expect it too. A thread of its own waits for
/// the end: the runtime would wait for one of its threads that still reads.
async fn supervisor_gone() {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ended = io::copy(&mut io::stdin(), &mut io::sink());
        tell.send(())
    });
    if told.await.is_err() || std::env::var_os("STOP_ON_STDIN_EOF").is_none() {
        std::future::pending::<()>().await;
    }
}
