"""Dead letters in the format of crates/messaging."""

import json

from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from customer.dead_letters import letter
from customer.envelope import Position, Record

PLACE = Position("fleet.context", 3, 14)
BYTES = st.one_of(st.none(), st.binary(max_size=40_000), st.text(max_size=9_000).map(lambda text: text.encode(errors="replace")))


def test_a_letter_has_the_members_that_the_contract_names():
    schema = json.loads((ROOT / "contracts/storagerent/events/dead-letters/flotilla.DeadLettered.json").read_text())
    record = Record(PLACE, b"5000", (("ce_type", b"Happened"), ("odd", b"\xff\x00"), ("none", None)), b"\xc3\x28")
    subject, data = letter(record, "no JSON", 65_536)
    document = json.loads(data)
    assert set(schema["required"]) <= set(document) <= set(schema["properties"])
    assert (subject, document["key"], document["payload"]) == ("5000", {"text": "5000"}, {"base64": "wyg="})
    assert document["headers"] == [["ce_type", {"text": "Happened"}], ["odd", {"base64": "/wA="}], ["none", None]]


def test_nothing_and_no_bytes_stay_apart():
    document = json.loads(letter(Record(PLACE, None, (), b""), "no", 65_536)[1])
    assert (document["key"], document["payload"]) == (None, {"text": ""})


@given(BYTES, BYTES, BYTES)
def test_a_letter_is_never_larger_than_its_limit(key, header, payload):
    record = Record(PLACE, key, (("h", header), ("none", None)), payload)
    subject, data = letter(record, "r" * 5_000, 8_192)
    assert len(data.encode()) + 2 * len(subject.encode()) <= 8_192
    document = json.loads(data)
    assert document["place"]["offset"] == 14 and "\0" not in subject


def test_a_letter_whose_headers_could_not_be_read_is_read_again_at_its_place():
    document = json.loads(letter(Record(PLACE, b"1", (), b"{}", unread_headers=1), "no", 65_536)[1])
    assert document["truncated"] and document["unreadHeaders"] == 1
