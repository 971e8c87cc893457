"""Pages of a list, with the cursors of crates/chassis."""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

from .problems import bad_request

MAX_EXACT = 2**53 - 1
_DEFAULT, _MAX = 20, 100


def whole_number(text: str, least: int, most: int) -> int | None:
    """The value of a query parameter: digits, also with the fraction `.0`."""
    text = text.removesuffix(".0")
    number = int(text) if re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII) else least - 1
    return number if least <= number <= most else None


def path_id(text: str) -> int | None:
    """The id in a path."""
    number = int(text) if re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII) else 0
    return number if 1 <= number <= MAX_EXACT else None


def _checksum(content: bytes) -> bytes:
    total = 0x811C9DC5
    for byte in content:
        total = (total ^ byte) * 0x01000193 & 0xFFFFFFFF
    return total.to_bytes(4, "big")


def write_cursor(after: int) -> str:
    """The cursor of the page after a number."""
    content = b"\x01" + after.to_bytes(8, "big", signed=True)
    return base64.urlsafe_b64encode(content + _checksum(content)).rstrip(b"=").decode()


def read_cursor(text: str) -> int | None:
    """The number before a page; `None` if the text is no cursor, letter for letter."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{18}", text, re.ASCII):
        return None
    try:
        content = base64.urlsafe_b64decode(text + "==")
    except binascii.Error:
        return None
    after = int.from_bytes(content[1:9], "big", signed=True)
    return after if len(content) == 13 and write_cursor(after) == text else None


@dataclass(frozen=True)
class Query:
    """The parameters of a list of messages."""

    call_id: int | None
    after: int
    size: int

    @classmethod
    def read(cls, given: Iterable[tuple[str, str]]) -> "Query":
        """The parameters in a query string. Others are ignored."""
        values = {}
        for name, value in given:
            if name in ("callId", "cursor", "size"):
                if name in values:
                    raise bad_request(f"{name} must be given once")
                values[name] = value
        call_id = cls._number(values, "callId", MAX_EXACT)
        size = cls._number(values, "size", _MAX) or _DEFAULT
        after = read_cursor(values["cursor"]) if "cursor" in values else 0
        if after is None:
            raise bad_request("cursor must be one from a next link of this list, letter for letter")
        return cls(call_id, after, size)

    @staticmethod
    def _number(values: dict[str, str], name: str, most: int) -> int | None:
        if name not in values:
            return None
        number = whole_number(values[name], 1, most)
        if number is None:
            raise bad_request(f"{name} must be a whole number from 1 to {most}")
        return number

    def link(self, path: str, after: int | None) -> str:
        """A link to the page after a number."""
        parts = []
        if self.call_id is not None:
            parts.append(f"callId={self.call_id}")
        if after is not None:
            parts.append(f"cursor={write_cursor(after)}")
        if self.size != _DEFAULT:
            parts.append(f"size={self.size}")
        return path + ("?" + "&".join(parts) if parts else "")
