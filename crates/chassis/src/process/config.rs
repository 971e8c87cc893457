use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use files::LogFile;

use crate::auth::trust::AuthSettings;
use crate::http::allowed_hosts::HostNames;
use crate::http::limits::ServeLimits;
use crate::http::share::Share;

/// The settings of every service. Flags override environment variables, which override the defaults.
#[derive(Args, Debug, Clone)]
pub struct Config {
    /// Address and port to serve HTTP on.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Hosts to accept requests for besides those of the loopback interface, without ports, separated by commas; `*`:
    /// any. Requests for other hosts are rejected with 421.
    ///
    /// Empty: a process without authentication on a loopback address accepts the loopback interface only (`localhost`,
    /// `*.localhost`, `127.0.0.0/8`, `[::1]`), every other process accepts any host.
    #[arg(long, env = "ALLOWED_HOSTS", default_value = "")]
    pub allowed_hosts: HostNames,

    /// Log filter: a level (error, warn, info, debug, trace), or levels per module such as `info,sqlx=warn`.
    #[arg(long, env = "LOG", default_value = "info")]
    pub log: String,

    /// Format of log lines on standard error.
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// Maximum number of log lines per call site in each `LOG_INTERVAL`. Further lines are counted, and the count is
    /// logged. 0: no limit.
    ///
    /// Lines of the levels debug and trace are not limited.
    #[arg(long, env = "LOG_BURST", default_value = "20")]
    pub log_burst: u32,

    /// Interval of `LOG_BURST`: from 1s to 1h.
    #[arg(long, env = "LOG_INTERVAL", default_value = "10s", value_parser = log_interval)]
    pub log_interval: Duration,

    /// The log file.
    #[command(flatten)]
    pub log_file: LogFile,

    /// Collector of spans, OTLP over HTTP, such as `http://collector:4318`. Empty: no spans.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", default_value = "")]
    pub otel_exporter_otlp_endpoint: String,

    /// Share of the traces started here that is recorded, from 0 to 1. Other traces keep the decision of their caller.
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", default_value = "1", value_parser = share)]
    pub otel_traces_sampler_arg: f64,

    /// Time to go on accepting connections after SIGTERM, while `/readyz` already responds 503.
    ///
    /// In a cluster: the time until the load balancers have stopped routing to this process.
    #[arg(long, env = "DRAIN_DELAY", default_value = "0s", value_parser = humantime::parse_duration)]
    pub drain_delay: Duration,

    /// Maximum duration of a shutdown, from SIGTERM to the end of the process.
    ///
    /// Requests in flight get the first four fifths of it, background tasks the rest.
    #[arg(long, env = "SHUTDOWN_GRACE", default_value = "25s", value_parser = humantime::parse_duration)]
    pub shutdown_grace: Duration,

    /// Maximum size of a request body, in bytes.
    #[arg(long, env = "BODY_LIMIT", default_value = "65536")]
    pub body_limit: usize,

    /// Time for a request body to arrive.
    #[arg(long, env = "BODY_READ_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub body_read_timeout: Duration,

    /// Age after which the next response closes its connection, so that clients find new replicas.
    #[arg(long, env = "CONNECTION_MAX_AGE", default_value = "30s", value_parser = humantime::parse_duration)]
    pub connection_max_age: Duration,

    /// Time for the head of a request to arrive, and for a connection to be idle before it.
    ///
    /// Idle timeouts of clients should be shorter than this.
    #[arg(long, env = "HEADER_READ_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub header_read_timeout: Duration,

    /// Maximum size of the head of a request (request line and headers), in bytes. Larger heads are rejected with 431.
    #[arg(long, env = "HEAD_LIMIT", default_value = "16384")]
    pub head_limit: usize,

    /// Maximum number of header lines in a request. More are rejected with 431.
    #[arg(long, env = "HEAD_LINES", default_value = "100")]
    pub head_lines: usize,

    /// Time that a client may leave a response unread. Then its connection is closed; over HTTP/2, the stream of that
    /// response is reset.
    #[arg(long, env = "WRITE_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub write_timeout: Duration,

    /// Maximum number of concurrent connections. Further ones are closed at once, without a response.
    #[arg(long, env = "MAX_CONNECTIONS", default_value = "4096")]
    pub max_connections: usize,

    /// Share of these connections that one address may have (IPv6: one /64 network). Further ones are closed at once.
    ///
    /// 100%: no limit, for a process whose clients share a few addresses, such as those of a proxy.
    #[arg(long, env = "CONNECTION_SHARE", default_value = "100%")]
    pub connection_share: Share,

    /// Maximum number of concurrent requests on one HTTP/2 connection. Further ones wait.
    #[arg(long, env = "MAX_STREAMS", default_value = "1024", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_streams: u32,

    /// Maximum number of requests on one HTTP/2 connection that the client has reset before they were accepted. One
    /// more closes the connection.
    ///
    /// A connection with the requests of many clients, such as that of a proxy, needs more than that of one client.
    #[arg(long, env = "MAX_RESETS", default_value = "1024")]
    pub max_resets: usize,

    /// Authentication.
    #[command(flatten)]
    pub trust: AuthSettings,

    /// Treat the end of standard input like SIGTERM.
    ///
    /// For a supervisor that holds the other end: no service outlives it, even if it is killed.
    #[arg(long, env = "STOP_ON_STDIN_EOF", default_value = "false", action = ArgAction::Set, hide_short_help = true)]
    pub stop_on_stdin_eof: bool,

    /// Check whether the process on LISTEN is ready, and exit with 0 if it is. For health checks of containers.
    #[arg(long)]
    pub probe: bool,

    /// Whether the routes start traces themselves, as those of a gateway do: trace headers of clients are ignored
    /// there.
    #[arg(skip)]
    pub begins_traces: bool,

    /// The threads that serve connections.
    #[arg(skip)]
    pub threads: Threads,
}

fn log_interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let allowed = Duration::from_secs(1)..=Duration::from_hours(1);
    if allowed.contains(&interval) { Ok(interval) } else { Err("must be from 1s to 1h".to_owned()) }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "must be a number from 0 to 1".to_owned())
}

/// The threads that serve connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Threads {
    /// Those of the runtime, with work stealing.
    #[default]
    Shared,
    /// One per CPU, without work stealing: for a process with many cheap requests.
    PerCpu,
}

/// The format of log lines.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, for machines.
    Json,
}

impl Default for Config {
    /// The defaults in `--help`, independent of the environment.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            allowed_hosts: HostNames::default(),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            log_burst: 20,
            log_interval: Duration::from_secs(10),
            log_file: LogFile::default(),
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
            connection_share: Share::ALL,
            max_streams: 1024,
            max_resets: 1024,
            trust: AuthSettings { operator_role: "operator".to_owned(), ..AuthSettings::default() },
            stop_on_stdin_eof: false,
            probe: false,
            begins_traces: false,
            threads: Threads::Shared,
        }
    }
}

impl Config {
    /// The limits for [`serve`](crate::serve).
    pub fn serve_limits(&self) -> ServeLimits {
        ServeLimits {
            header_read_timeout: self.header_read_timeout,
            head_limit: self.head_limit,
            head_lines: self.head_lines,
            write_timeout: self.write_timeout,
            max_connections: self.max_connections,
            connections_per_address: self.connection_share.of(self.max_connections as u64),
            max_streams: self.max_streams,
            max_resets: self.max_resets,
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
        // Set as flags, so that the environment of the test has no effect.
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
