//! A stub service for tests: it serves `/readyz` and behaves as the environment variable `PRETEND` selects.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use files::LogFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

/// The settings of a service that the stub supports.
#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    log_file: LogFile,
}

/// The stub exits after this time, also if a failed test did not stop it.
const LIFETIME: Duration = Duration::from_mins(2);

/// Interval between two log lines of 100 bytes (`PRETEND=chatty`).
const LINE_INTERVAL: Duration = Duration::from_millis(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let pretend = std::env::var("PRETEND").unwrap_or_default();
    if let Err(error) = Settings::parse().log_file.start() {
        eprintln!("no log: {error}");
        return ExitCode::FAILURE;
    }
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
    let status = if pretend == "never ready" { "503 Service Unavailable" } else { "200 OK" };
    let mut lifetime = pin!(tokio::time::sleep(LIFETIME));
    let mut orphaned = pin!(supervisor_gone());
    let mut ticks = tokio::time::interval(LINE_INTERVAL);
    let mut count = 0;
    loop {
        tokio::select! {
            _ = ticks.tick(), if pretend == "chatty" => {
                count += 1;
                eprintln!("{count:09} {:-<90}", "");
            }
            connection = listener.accept() => drop(tokio::spawn(reply(connection?.0, status))),
            _ = terminate.recv(), if pretend != "deaf" => return Ok(()),
            () = &mut orphaned, if pretend != "deaf" => return Ok(()),
            () = &mut lifetime => return Ok(()),
        }
    }
}

async fn reply(mut connection: TcpStream, status: &str) -> io::Result<()> {
    let mut request = [0; 1024];
    let _ = connection.read(&mut request).await?;
    connection
        .write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes())
        .await
}

/// Waits until the supervisor closes stdin. A separate thread reads it, because the runtime waits for its own threads at
/// shutdown.
async fn supervisor_gone() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ended = io::copy(&mut io::stdin(), &mut io::sink());
        sender.send(())
    });
    if receiver.await.is_err() || std::env::var_os("STOP_ON_STDIN_EOF").is_none() {
        std::future::pending::<()>().await;
    }
}
