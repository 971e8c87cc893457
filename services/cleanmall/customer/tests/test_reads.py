"""The consumer contract, reads.toml, lists exactly the fields that the context reads."""

import json
import tomllib

import pytest
from conftest import FOLDER, ROOT

import generate_models
from customer import models
from customer.consumer import HANDLED, decode
from customer.envelope import Envelope, NotAnEvent

READS = tomllib.loads((FOLDER / "reads.toml").read_text())
STATED = [(context, event, fields) for context, all in READS.items() for event, fields in all.items()]
SAMPLES = {"integer": 7, "string": "2021-01-21"}


def read(context, event, fields):
    """What the context reads of an event with these fields."""
    return decode(Envelope("1", f"/test/{context}", event, str(fields.get("callId", 7)), 0, None, json.dumps(fields)))


def assert_consumer_contract(context, event, fields):
    """An event with the stated fields is read, each of them makes a difference, and others do not."""
    whole = {name: SAMPLES[kind.removesuffix("?")] for name, kind in fields.items()}
    known = read(context, event, whole)
    assert known is not None
    assert read(context, event, {**whole, "unstated": [1]}) == known
    published = json.loads((ROOT / f"contracts/cleanmall/events/{context}/{event}.json").read_text())
    for name in set(published["properties"]) - set(fields):
        assert read(context, event, {**whole, name: {"of another type": True}}) == known, name
    for name, kind in fields.items():
        less = {other: value for other, value in whole.items() if other != name}
        if kind.endswith("?"):
            assert read(context, event, less) != known, name
        else:
            with pytest.raises(NotAnEvent):
                read(context, event, less)


@pytest.mark.parametrize("context, event, fields", STATED, ids=[event for _, event, _ in STATED])
def test_the_code_reads_what_the_contract_lists(context, event, fields):
    assert_consumer_contract(context, event, fields)


def test_the_contract_lists_all_events_that_are_handled():
    assert {(context, event) for context, event, _ in STATED} == set(HANDLED)


@pytest.mark.parametrize("context, event, fields", STATED, ids=[event for _, event, _ in STATED])
def test_what_is_read_is_published_with_that_type(context, event, fields):
    published = json.loads((ROOT / f"contracts/cleanmall/events/{context}/{event}.json").read_text())
    for name, kind in fields.items():
        types = published["properties"][name]["type"]
        assert kind.removesuffix("?") in ([types] if isinstance(types, str) else types)
        assert kind.endswith("?") or name in published["required"]


def test_the_models_are_those_of_the_published_schemas():
    assert generate_models.models() == generate_models.MODELS.read_text(), "run generate_models.py"
    assert all(model.__module__ == models.__name__ for model in HANDLED.values())
