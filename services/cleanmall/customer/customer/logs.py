"""The log on standard error: a line of text or of JSON, with the trace and the case where they are known."""

import json
import logging
import sys
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler

from .settings import Settings

_trace: ContextVar[str | None] = ContextVar("trace", default=None)
_case: ContextVar[str | None] = ContextVar("case", default=None)

_LEVELS = {"trace": logging.DEBUG, "debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING,
           "error": logging.ERROR, "off": logging.CRITICAL + 1}

# Lines of one call site in each interval; further ones are counted.
_BURST, _INTERVAL = 20, 10.0


@contextmanager
def about(trace: str | None = None, case: object = None):
    """Adds a trace id and a case to the lines of this block."""
    tokens = _trace.set(trace or _trace.get()), _case.set(_case.get() if case is None else excerpt(str(case)))
    try:
        yield
    finally:
        _trace.reset(tokens[0])
        _case.reset(tokens[1])


def correlate(case: object) -> None:
    """Adds the case to the further lines of this request."""
    _case.set(excerpt(str(case)))


def excerpt(text: str, most: int = 200) -> str:
    """The beginning of a text from outside, without characters that control a terminal."""
    shown = "".join(f"\\u{{{ord(c):x}}}" if _controls(c) else c for c in text[:most])
    return shown + ("…" if len(text) > most else "")


def _controls(c: str) -> bool:
    return ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or c in "\u200e\u200f" or "\u2028" <= c <= "\u202e" \
        or "\u2066" <= c <= "\u2069"


class _Limit(logging.Filter):
    """Lets a call site log a few lines per interval, and reports how many it left out."""

    def __init__(self) -> None:
        super().__init__()
        self._lock, self._seen, self._since = threading.Lock(), {}, time.monotonic()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.INFO:
            return True
        with self._lock:
            if time.monotonic() - self._since >= _INTERVAL:
                left_out = sum(max(0, count - _BURST) for count in self._seen.values())
                self._seen, self._since = {}, time.monotonic()
                if left_out:
                    record.left_out = left_out
            site = (record.pathname, record.lineno)
            self._seen[site] = self._seen.get(site, 0) + 1
            return self._seen[site] <= _BURST


class _Formatter(logging.Formatter):
    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        fields = dict(getattr(record, "fields", {}))
        if record.exc_info:
            # The type and the place, not the text: it may repeat input, or what is personal.
            kind, _, trace = record.exc_info
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
            fields["exception"] = f"{kind.__name__ if kind else ''} at {place}"
        if hasattr(record, "left_out"):
            fields["suppressed_before"] = record.left_out
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        level = "WARN" if record.levelname == "WARNING" else record.levelname
        span = {name: value for name, value in (("trace_id", _trace.get()), ("case", _case.get())) if value}
        if self._as_json:
            line = {"timestamp": at, "level": level, "fields": {"message": record.getMessage(), **fields},
                    "target": record.name}
            return json.dumps({**line, **({"span": {"name": "request", **span}} if span else {})}, default=str)
        rest = "".join(f" {name}={value}" for name, value in {**fields, **span}.items())
        return f"{at} {level:>5} {record.name}: {record.getMessage()}{rest}"


class _Stream(logging.StreamHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is the library's
        """A line that cannot be written, as on a full disk, is dropped."""


class _File(RotatingFileHandler):
    """`log.txt` is renamed to `log.1.txt` when it is too large."""

    def rotation_filename(self, default_name: str) -> str:
        path, _, number = default_name.rpartition(".")
        stem, dot, extension = path.rpartition(".")
        return f"{stem}.{number}{dot}{extension}" if dot else default_name

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is the library's
        """A line that cannot be written, as on a full disk, is dropped."""


def start(settings: Settings) -> None:
    """Starts the log. Of a filter such as `info,sqlx=warn` only the level for everything is used."""
    level, log_format = settings.log, settings.log_format
    handler: logging.Handler = _Stream(sys.stderr)
    if settings.log_file is not None:
        handler = _File(settings.log_file, maxBytes=settings.log_file_limit, backupCount=settings.log_files_kept)
    handler.setFormatter(_Formatter(log_format == "json"))
    handler.addFilter(_Limit())
    first = next((part for part in level.split(",") if "=" not in part), "info")
    logging.basicConfig(level=_LEVELS.get(first.strip().lower(), logging.INFO), handlers=[handler], force=True)
    for noisy in ("uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "opentelemetry"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def fields(**values: object) -> dict:
    """Fields of a line: `log.info("text", **fields(topic=…))`."""
    return {"extra": {"fields": {name: value for name, value in values.items() if value is not None}}}
