"""How schemathesis makes what the document can only name: see SCHEMATHESIS_HOOKS."""

import base64
import struct

import schemathesis
from hypothesis import strategies as st


def cursor(last: list[int]) -> str:
    """The place after the item with these numbers, as crates/chassis/src/http/page.rs writes it."""
    content = struct.pack(f">B{len(last)}q", 1, *last)
    checksum = 0x811C9DC5
    for byte in content:
        checksum = (checksum ^ byte) * 0x01000193 % 2**32
    return base64.urlsafe_b64encode(content + struct.pack(">I", checksum)).decode().rstrip("=")


for count in (1, 2):
    numbers = st.lists(st.integers(0, 2**53), min_size=count, max_size=count)
    schemathesis.openapi.format(f"cursor-{count}", numbers.map(cursor))
