use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use crate::{ServeLimits, Trust};

/// The settings that every service has. Flags win over environment variables, and these over the defaults.
#[derive(Args, Debug, Clone)]
pub struct Config {
    /// Address and port to serve HTTP on.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// What to log: a level (error, warn, info, debug, trace), or levels by module such as `info,sqlx=warn`.
    #[arg(long, env = "LOG", default_value = "info")]
    pub log: String,

    /// How log lines look on standard error.
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// The collector that spans are sent to, by OTLP over HTTP, such as `http://collector:4318`. Empty: no spans.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", default_value = "")]
    pub otel_exporter_otlp_endpoint: String,

    /// The share of the traces beginning here that is recorded, from 0 to 1. Of others, whoever began them decides.
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", default_value = "1", value_parser = share)]
    pub otel_traces_sampler_arg: f64,

    /// How long to go on taking connections after SIGTERM, while `/readyz` already says 503.
    ///
    /// In a cluster: as long as it takes until nobody routes to this process any more.
    #[arg(long, env = "DRAIN_DELAY", default_value = "0s", value_parser = humantime::parse_duration)]
    pub drain_delay: Duration,

    /// How long a shutdown may take in all, from SIGTERM to the end of the process.
    ///
    /// Requests in flight get the first four fifths, so that background tasks can always end in order.
    #[arg(long, env = "SHUTDOWN_GRACE", default_value = "25s", value_parser = humantime::parse_duration)]
    pub shutdown_grace: Duration,

    /// The largest request body that is read, in bytes.
    #[arg(long, env = "BODY_LIMIT", default_value = "65536")]
    pub body_limit: usize,

    /// How long a request body may take to arrive.
    #[arg(long, env = "BODY_READ_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub body_read_timeout: Duration,

    /// After this time the next answer on a connection closes it, so that clients find new replicas.
    #[arg(long, env = "CONNECTION_MAX_AGE", default_value = "30s", value_parser = humantime::parse_duration)]
    pub connection_max_age: Duration,

    /// How long the head of a request may take to arrive, also how long a connection may be idle before it.
    ///
    /// Clients that keep connections open should let go of idle ones sooner than this.
    #[arg(long, env = "HEADER_READ_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub header_read_timeout: Duration,

    /// The largest head of a request (its first line and its headers) that is read, in bytes: more is answered 431.
    #[arg(long, env = "HEAD_LIMIT", default_value = "16384")]
    pub head_limit: usize,

    /// The most header lines that a request may have: more are answered 431.
    #[arg(long, env = "HEAD_LINES", default_value = "100")]
    pub head_lines: usize,

    /// How long a client may leave an answer unread before its connection is closed.
    #[arg(long, env = "WRITE_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub write_timeout: Duration,

    /// The most connections at a time: one more is closed at once, without an answer.
    #[arg(long, env = "MAX_CONNECTIONS", default_value = "4096")]
    pub max_connections: usize,

    /// The most requests at a time on one connection of HTTP/2: more wait for their turn.
    #[arg(long, env = "MAX_STREAMS", default_value = "1024", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_streams: u32,

    /// Whom it believes about who asks.
    #[command(flatten)]
    pub trust: Trust,

    /// Whether the end of standard input counts as SIGTERM.
    ///
    /// For a supervisor that holds the other end of it: then no service outlives it, even if it is killed.
    #[arg(long, env = "STOP_ON_STDIN_EOF", default_value = "false", action = ArgAction::Set, hide_short_help = true)]
    pub stop_on_stdin_eof: bool,

    /// Ask the process that serves on LISTEN whether it is ready, and end: with 0 if it is. For health checks of containers.
    #[arg(long)]
    pub probe: bool,

    /// Whether the routes begin traces themselves, as a gateway's do: what clients say of traces counts for nothing there.
    #[arg(skip)]
    pub begins_traces: bool,

    /// Which threads serve connections.
    #[arg(skip)]
    pub threads: Threads,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "must be a number from 0 to 1".to_owned())
}

/// Which threads serve connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Threads {
    /// Those of the process: whoever is free goes on with what is there to do.
    #[default]
    Shared,
    /// One for each CPU, which keeps its connections: for a process that does little for each of many requests.
    PerCpu,
}

/// How log lines look.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, for machines.
    Json,
}

impl Default for Config {
    /// The defaults that `--help` shows, whatever the environment says.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            otel_exporter_otlp_endpoint: String::new(),
            otel_traces_sampler_arg: 1.0,
            drain_delay: Duration::ZERO,
            shutdown_grace: Duration::from_secs(25),
            body_limit: 65_536,
            body_read_timeout: Duration::from_secs(10),
            connection_max_age: Duration::from_secs(30),
            header_read_timeout: Duration::from_secs(10),
            head_limit: 16_384,
            head_lines: 100,
            write_timeout: Duration::from_secs(10),
            max_connections: 4096,
            max_streams: 1024,
            trust: Trust { operator_role: "operator".to_owned(), ..Trust::default() },
            stop_on_stdin_eof: false,
            probe: false,
            begins_traces: false,
            threads: Threads::Shared,
        }
    }
}

impl Config {
    /// The part of the settings that [`serve`](crate::serve) needs.
    pub const fn serve_limits(&self) -> ServeLimits {
        ServeLimits {
            header_read_timeout: self.header_read_timeout,
            head_limit: self.head_limit,
            head_lines: self.head_lines,
            write_timeout: self.write_timeout,
            max_connections: self.max_connections,
            max_streams: self.max_streams,
            connection_max_age: self.connection_max_age,
            drain_delay: self.drain_delay,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn the_defaults_in_code_are_those_of_the_command_line() {
        // Given as flags, so that the environment of the test says nothing.
        let command = Settings::command();
        let flags = command.get_arguments().filter(|flag| !flag.get_default_values().is_empty());
        let flags = flags.filter(|flag| flag.get_env().is_some()).flat_map(|flag| {
            let default = flag.get_default_values()[0].to_str().unwrap();
            [format!("--{}", flag.get_long().unwrap()), default.to_owned()]
        });
        let settings = Settings::parse_from(std::iter::once("test".to_owned()).chain(flags));
        assert_eq!(format!("{:?}", settings.config), format!("{:?}", Config::default()));
    }
}
