"""Events on the wire: CloudEvents in binary mode, as docs/contracts.md describes them."""

import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from .logs import excerpt

MAX_ID_LENGTH = 255
TRACE = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)


class NotAnEvent(Exception):
    """A record is no event. The text is the reason."""


@dataclass(frozen=True)
class Position:
    """Where a record stands."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class Record:
    """A record as the broker delivered it. `None` is a null, which differs from zero bytes."""

    place: Position
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    payload: bytes | None = None
    # How many headers could not be read.
    unread_headers: int = 0

    def header(self, name: str) -> bytes | None:
        """The value of the first header of this name."""
        return next((value for known, value in self.headers if known == name), None)


@dataclass(frozen=True)
class Envelope:
    """An event with its attributes; the data is JSON text."""

    id: str
    source: str
    kind: str
    subject: str
    # Microseconds since 1970.
    time: int
    trace: str | None
    data: str

    @property
    def context(self) -> str:
        """The context that published it."""
        return self.source.rpartition("/")[2]

    @classmethod
    def read(cls, record: Record) -> "Envelope":
        """The event in a record."""
        if record.unread_headers:
            raise NotAnEvent("a name of a header is not UTF-8")
        version = _required(record, "ce_specversion")
        if version != "1.0":
            raise NotAnEvent(f'ce_specversion is "{excerpt(version)}", not "1.0"')
        event_id, time, subject = (_required(record, name) for name in ("ce_id", "ce_time", "ce_subject"))
        if not 1 <= len(event_id) <= MAX_ID_LENGTH or any(unicodedata.category(c) == "Cc" for c in event_id):
            limit = f"not 1 to {MAX_ID_LENGTH} characters without control characters"
            raise NotAnEvent(f'ce_id is "{excerpt(event_id)}", {limit}')
        if subject.encode() != (record.key or b""):
            key = excerpt((record.key or b"").decode(errors="replace"))
            raise NotAnEvent(f'its subject is "{excerpt(subject)}", but its key is "{key}"')
        source, kind = _required(record, "ce_source"), _required(record, "ce_type")
        try:
            data = (record.payload or b"").decode()
        except UnicodeDecodeError:
            raise NotAnEvent("the data is not UTF-8") from None
        trace = _text(record, "ce_traceparent")
        trace = trace if trace and is_trace(trace) else None
        return cls(event_id, source, kind, subject, micros(time), trace, data)


def _text(record: Record, name: str) -> str | None:
    value = record.header(name)
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _required(record: Record, name: str) -> str:
    text = _text(record, name)
    if text is None:
        raise NotAnEvent(f"header {name} is missing or not UTF-8")
    return text


def is_trace(text: str) -> bool:
    """Whether it is a W3C `traceparent`."""
    found = TRACE.fullmatch(text)
    return bool(found) and found[1] != "ff" and set(found[2]) != {"0"} and set(found[3]) != {"0"} and (
        found[1] != "00" or not found[5])


_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def micros(text: str) -> int:
    """The microseconds since 1970 of a time in RFC 3339."""
    found = _TIME.fullmatch(text)
    try:
        if not found:
            raise ValueError
        zone = "+00:00" if found[4] in "Zz" else found[4]
        fraction = int(((found[3] or ".0")[1:] + "000000")[:6])
        at = datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}")
        delta = at - datetime(1970, 1, 1, tzinfo=UTC)
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + fraction
    except (ValueError, OverflowError):
        raise NotAnEvent(f'ce_time is "{excerpt(text)}", not RFC 3339') from None


def rfc3339(at: int) -> str:
    """The text of a time in microseconds since 1970, in UTC."""
    seconds, fraction = divmod(at, 1_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:06d}Z"


def parse_data(text: str) -> dict:
    """The fields of an event. Numbers keep their digits: `7.0` is 7, and no double rounds them."""
    try:
        data = json.loads(text, object_pairs_hook=_object, parse_float=_number, parse_int=_number,
                          parse_constant=_constant)
    except (ValueError, RecursionError):
        raise NotAnEvent(f'the data is no JSON: "{excerpt(text)}"') from None
    if not isinstance(data, dict):
        raise NotAnEvent("the data is no JSON object")
    return data


class _Twice:
    """The value of a field that an object has twice: no type accepts it."""


def _object(pairs: list) -> dict:
    fields: dict = {}
    for name, value in pairs:
        fields[name] = _Twice() if name in fields else value
    return fields


def _number(text: str) -> int | float:
    try:
        number = Decimal(text)
        if number.adjusted() < 20 and number == number.to_integral_value():
            return int(number)
    except InvalidOperation:
        pass
    return float("nan")


def _constant(text: str) -> None:
    raise ValueError(text)
