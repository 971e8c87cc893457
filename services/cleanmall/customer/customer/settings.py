"""The settings of the process: environment variables with the names and defaults of the other contexts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class SettingsError(Exception):
    """A variable has a value that cannot be used."""


_UNITS = {"ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "day": 86400, "days": 86400, "d": 86400}


def duration(text: str) -> float:
    """Seconds of a text such as `500ms`, `1m 30s` or `7days`."""
    parts = re.findall(r"(\d+)\s*([a-z]+)", text)
    if not parts or re.sub(r"(\d+)\s*([a-z]+)", "", text).strip() or any(unit not in _UNITS for _, unit in parts):
        raise ValueError('must be a duration such as "500ms" or "10s"')
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _whole(least: int, most: int):
    def parse(text: str) -> int:
        number = int(text) if re.fullmatch(r"[0-9]{1,18}", text) else -1
        if not least <= number <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return number

    return parse


def _choice(*allowed: str):
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be {' or '.join(allowed)}")
        return text

    return parse


def _truth(text: str) -> bool:
    return _choice("true", "false")(text) == "true"


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("must be an address and a port, such as 127.0.0.1:8084")
    return host.strip("[]"), int(port)


def _fleet(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", text):
        raise ValueError("must be 1 to 100 letters, digits, dashes and underscores")
    return text


def _hosts(text: str) -> tuple[str, ...]:
    return tuple(host.strip().lower() for host in text.split(",") if host.strip())


def _var(name: str, default: str | None, parse=str):
    return field(metadata={"name": name, "default": default, "parse": parse})


@dataclass(frozen=True)
class Settings:
    """All settings. `docs/configuration.md` describes those that all contexts share."""

    listen: tuple[str, int] = _var("LISTEN", "127.0.0.1:8084", _address)
    allowed_hosts: tuple[str, ...] = _var("ALLOWED_HOSTS", "", _hosts)
    log: str = _var("LOG", "info")
    log_format: str = _var("LOG_FORMAT", "text", _choice("text", "json"))
    log_file: Path | None = _var("LOG_FILE", None, Path)
    log_file_limit: int = _var("LOG_FILE_LIMIT", str(10 * 1024 * 1024), _whole(1, 10**15))
    log_files_kept: int = _var("LOG_FILES_KEPT", "3", _whole(0, 1000))
    otlp_endpoint: str = _var("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    drain_delay: float = _var("DRAIN_DELAY", "0s", duration)
    shutdown_grace: float = _var("SHUTDOWN_GRACE", "25s", duration)
    stop_on_stdin_eof: bool = _var("STOP_ON_STDIN_EOF", "false", _truth)
    max_streams: int = _var("LIVE_STREAMS", "512", _whole(1, 100_000))

    users_key_file: Path | None = _var("INTERNAL_TOKEN_PUBLIC_KEY_FILE", None, Path)
    services_key_file: Path | None = _var("SERVICE_PUBLIC_KEY_FILE", None, Path)
    operator_role: str = _var("OPERATOR_ROLE", "operator")
    require_identity: bool = _var("REQUIRE_IDENTITY", "false", _truth)

    store_url: str = _var("STORE_URL", "sqlite:store.db")
    store_password_file: Path | None = _var("STORE_PASSWORD_FILE", None, Path)
    store_ca_file: Path | None = _var("STORE_CA_FILE", None, Path)
    store_cert_file: Path | None = _var("STORE_CERT_FILE", None, Path)
    store_key_file: Path | None = _var("STORE_KEY_FILE", None, Path)
    store_connections: int = _var("STORE_CONNECTIONS", "16", _whole(2, 1000))
    store_start_limit: float = _var("STORE_START_LIMIT", "30s", duration)

    fleet: str = _var("FLEET", "flotilla", _fleet)
    brokers: str = _var("KAFKA_BROKERS", "127.0.0.1:9092")
    security: str = _var("KAFKA_SECURITY", "plaintext", _choice("plaintext", "tls", "sasl-tls"))
    ca_file: Path | None = _var("KAFKA_CA_FILE", None, Path)
    cert_file: Path | None = _var("KAFKA_CERT_FILE", None, Path)
    key_file: Path | None = _var("KAFKA_KEY_FILE", None, Path)
    sasl_mechanism: str = _var(
        "KAFKA_SASL_MECHANISM", "scram-sha-512", _choice("scram-sha-256", "scram-sha-512", "plain")
    )
    username: str | None = _var("KAFKA_USERNAME", None)
    password_file: Path | None = _var("KAFKA_PASSWORD_FILE", None, Path)
    partitions: int = _var("TOPIC_PARTITIONS", "6", _whole(1, 1000))
    replication: int = _var("TOPIC_REPLICATION", "1", _whole(1, 10))
    message_bytes: int = _var("KAFKA_MESSAGE_BYTES", "1000000", _whole(64 * 1024, 1_000_000_000))
    letter_bytes: int = _var("DEAD_LETTER_BYTES", "65536", _whole(8 * 1024, 1_000_000_000))
    batch: int = _var("CONSUMER_BATCH", "500", _whole(1, 10_000))
    linger: float = _var("CONSUMER_LINGER", "4ms", duration)
    batch_time: float = _var("CONSUMER_BATCH_TIME", "10s", duration)
    backoff: float = _var("CONSUMER_BACKOFF", "100ms", duration)
    commit_every: float = _var("CONSUMER_COMMIT_EVERY", "500ms", duration)
    session: float = _var("CONSUMER_SESSION", "10s", duration)
    inbox_retention: float = _var("INBOX_RETENTION", "7days", duration)

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """The settings of these variables. An empty variable counts as one that is not set."""
        values = {}
        for name, declared in cls.__dataclass_fields__.items():
            variable, default = declared.metadata["name"], declared.metadata["default"]
            text = environment.get(variable) or default
            try:
                values[name] = None if text is None else declared.metadata["parse"](text)
            except ValueError as rule:
                raise SettingsError(f"{variable} {rule}") from None
        return cls(**values)

    def topic(self, context: str) -> str:
        """The topic with the events of a context."""
        return f"{self.fleet}.{context}"

    @property
    def dead_letter_topic(self) -> str:
        """The topic with the dead letters of this context."""
        return f"{self.fleet}.{NAME}.dead-letters"

    @property
    def max_letter_bytes(self) -> int:
        """Maximum bytes of the data of a dead letter."""
        return min(self.message_bytes - 8 * 1024, self.letter_bytes)


NAME = "customer"
