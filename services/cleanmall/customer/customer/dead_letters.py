"""Dead letters: records that cannot be handled, in the format of crates/messaging, so that `flotilla redrive` reads them.

A letter goes through the outbox, in the transaction that puts its position into the inbox.
"""

import base64
import json

from .envelope import Position, Record
from .logs import excerpt

KIND = "flotilla.DeadLettered"
# The header of a record that was sent again: it is for this one context.
REDRIVEN_FOR = "flotilla-redriven-for"
_MAX_REASON_BYTES = 1024


def inbox_key(place: Position) -> str:
    """The key of a dead letter in the inbox. No event has such an id, because ids have no control characters."""
    return f"\x01dead {place}"


def subject(record: Record) -> str:
    """The key of the record as a text that every store accepts."""
    return (record.key or b"").decode(errors="replace").replace("\0", "\ufffd")


def letter(record: Record, reason: str, limit: int) -> tuple[str, str]:
    """The subject and the data of the dead letter, in at most `limit` bytes."""
    reason = excerpt(reason) if len(reason.encode()) > _MAX_REASON_BYTES else reason
    # What the client library could not read is read again at the position of the record when it is sent again.
    truncated = record.unread_headers > 0
    key, headers, payload, room = record.key, list(record.headers), record.payload, limit
    while True:
        shown = Record(record.place, key, tuple(headers), payload, record.unread_headers)
        data = _encode(shown, reason, truncated)
        if len(data.encode()) + 2 * len(subject(shown).encode()) <= limit or room == 0:
            return subject(shown), data
        room //= 2
        truncated = True
        key = None if key is None else _cut(key, room // 8)
        payload = None if payload is None else _cut(payload, room // 2)
        headers, left = [], room // 4
        for name, value in record.headers:
            fits = len(name.encode()) < left
            left = max(0, left - len(name.encode()))
            value = None if value is None else _cut(value, left)
            left = max(0, left - len(value or b""))
            if fits:
                headers.append((name, value))


def _encode(record: Record, reason: str, truncated: bool) -> str:
    place = {"topic": record.place.topic, "partition": record.place.partition, "offset": record.place.offset}
    document = {"place": place, "reason": reason, "attempts": 1, "key": _content(record.key),
                "headers": [[name, _content(value)] for name, value in record.headers],
                "payload": _content(record.payload)}
    if record.unread_headers:
        document["unreadHeaders"] = record.unread_headers
    if truncated:
        document["truncated"] = True
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _content(value: bytes | None) -> dict | None:
    if value is None:
        return None
    try:
        return {"text": value.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _cut(value: bytes, room: int) -> bytes:
    """The beginning of the bytes; of a text, whole characters."""
    cut = value[:room]
    try:
        value.decode()
    except UnicodeDecodeError:
        return cut
    return cut.decode(errors="ignore").encode()
