"""Batches on real stores: once, in any order, and what cannot be read becomes a dead letter."""

import threading
from urllib.parse import quote

import pytest
from conftest import World, record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from customer import store as tables
from customer.envelope import Position, Record

STORY = ["CleanCalled", "CleanManaged", "CleanerAssigned", "AssignmentFinished"]
KINDS = ["called", "managed", "assigned", "finished"]


def test_a_story_is_written_in_its_order(world):
    outcome = world.consume(record(kind, 1) for kind in STORY)
    assert (outcome.applied, outcome.repeated, outcome.dead) == (4, 0, 0)
    assert world.messages(1) == KINDS


@given(st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_order_and_repetition_writes_each_message_once(world, data):
    call_id = world.store.last_number() + 1_000
    story = data.draw(st.permutations(STORY * 2))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(story)), max_size=4)))
    for begin, end in zip([0, *cuts], [*cuts, len(story)], strict=True):
        world.consume(record(kind, call_id) for kind in story[begin:end])
    assert sorted(world.messages(call_id)) == sorted(KINDS)


def test_events_that_the_inbox_has_forgotten_write_no_second_message(world):
    for _ in range(2):
        world.consume(record(kind, 1) for kind in STORY)
        with world.store.begin() as tx:
            tx.execute(delete(tables.inbox))
    assert world.messages(1) == KINDS


def test_ids_that_differ_in_case_or_in_blanks_at_the_end_are_different_events(world):
    def named(call_id, event_id):
        one = record("CleanCalled", call_id)
        headers = tuple((name, event_id.encode() if name == "ce_id" else value) for name, value in one.headers)
        return Record(one.place, one.key, headers, one.payload)

    outcome = world.consume(named(number, event_id) for number, event_id in enumerate(["a", "A", "a ", "ä"], 1))
    assert (outcome.applied, outcome.repeated) == (4, 0)


def test_an_attempt_that_was_not_taken_has_no_messages_and_the_one_after_it_is(world):
    world.consume([record("CleanManaged", 1, 7), record("CleanerAssigned", 1, 7), record("CleanManaged", 1, 9)])
    assert world.messages(1) == []
    world.consume([record("CleanCalled", 1, 9)])
    assert world.messages(1) == ["called", "managed"]


def test_two_processes_that_receive_the_same_events_write_each_message_once(store_url):
    worlds = [World(store_url), World(store_url)]
    records = [record(kind, call_id) for call_id in range(1, 31) for kind in STORY]
    threads = []
    for world, size in zip(worlds, (7, 11), strict=True):
        def run(world=world, size=size):
            for begin in range(0, len(records), size):
                world.consume(records[begin:begin + size])
        threads.append(threading.Thread(target=run))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for call_id in range(1, 31):
        assert world.messages(call_id) == KINDS
    numbers = [row.message_id for row in world.store.page(None, None, 0, 1_000)]
    assert numbers == list(range(1, 121))
    for world in worlds:
        world.store.engine.dispose()


def test_a_lag_of_a_day_is_written_in_the_order_of_each_call(world):
    calls = range(1, 201)
    outcome = world.consume([record("CleanCalled", one) for one in calls] + [record("CleanerAssigned", one) for one in calls])
    assert outcome.applied == 400
    for call_id in calls:
        assert world.messages(call_id) == ["called", "assigned"]


POISON = {
    "no JSON": b"{", "a list": b"[1]", "no call": b'{"attempt":1}', "a text for a number": b'{"callId":"1","attempt":1}',
    "another call": b'{"callId":2,"attempt":1}', "below one": b'{"callId":1,"attempt":0}', "twice": b'{"callId":1,"callId":1,"attempt":1}',
    "too large": b'{"callId":1,"attempt":9007199254740992}', "a fraction": b'{"callId":1,"attempt":1.5}',
    "huge": b'{"callId":1,"attempt":1e400}', "not a number": b'{"callId":1,"attempt":NaN}', "no UTF-8": b"\xff",
    "a lone surrogate": b'{"callId":1,"attempt":1,"customer":"\\ud800"}', "U+0000": b'{"callId":1,"attempt":1,"customer":"\\u0000"}',
    "deep": b'{"callId":1,"attempt":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nothing": None,
}


@pytest.mark.parametrize("payload", POISON.values(), ids=POISON)
def test_a_record_that_cannot_be_read_is_a_dead_letter_and_the_others_are_applied(store_url, payload):
    world = World(store_url)
    good, bad = record("CleanCalled", 1), record("CleanCalled", 1)
    outcome = world.consume([good, Record(bad.place, bad.key, bad.headers, payload), record("CleanManaged", 1)])
    assert (outcome.applied, outcome.dead) == (2, 1)
    assert world.messages(1) == ["called", "managed"]
    letter = world.letters()[0]
    assert letter["place"] == {"topic": bad.place.topic, "partition": 0, "offset": bad.place.offset}
    world.store.engine.dispose()


def test_numbers_are_judged_by_their_digits(world):
    good = record("CleanCalled", 1)
    payload = b'{"callId":1.0,"attempt":70e-1,"customer":null,"later":{"x":[1.5]}}'
    assert world.consume([Record(good.place, good.key, good.headers, payload)]).applied == 1


def test_a_dead_letter_is_written_once_however_often_its_record_comes(world):
    bad = Record(Position("test.cleancall", 2, 9), b"1", (), b"{}")
    assert [world.consume([bad]).dead for _ in range(2)] == [1, 0]
    assert len(world.letters()) == 1


def test_what_is_for_others_is_skipped_whatever_it_contains(world):
    for kind, changes in [
        ("CleanManageCanceled", {}),
        ("CleanCalled", {"flotilla-redriven-for": b"cleanassign"}),
    ]:
        one = record(kind, 1)
        outcome = world.consume([Record(one.place, one.key, one.headers + tuple(changes.items()), b"\xff" if changes else b"{}")])
        assert (outcome.applied, outcome.dead) == (0, 0)


def test_an_event_of_a_context_that_does_not_own_the_topic_is_a_dead_letter(world):
    one = record("CleanCalled", 1)
    moved = Record(Position("test.cleanassign", 0, 1), one.key, one.headers, one.payload)
    assert world.consume([moved]).dead == 1
    assert 'its source is "/test/cleancall"' in world.letters()[0]["reason"]


def test_a_failure_in_one_event_of_a_batch_is_found_by_halving(world, monkeypatch):
    apply = tables.add_steps

    def fails(tx, steps):
        if any(one.call_id == 13 for one in steps):
            raise ValueError("no such call")
        apply(tx, steps)

    monkeypatch.setattr(tables, "add_steps", fails)
    outcome = world.consume(record("CleanCalled", number) for number in range(1, 31))
    assert (outcome.applied, outcome.dead) == (29, 1)
    assert world.letters()[0]["reason"] == "ValueError: no such call"


def test_the_path_of_a_store_in_a_file_may_have_any_characters(tmp_path):
    folder = tmp_path / "a #1 50% %41 ?é"
    folder.mkdir()
    World(f"sqlite:{quote(str(folder))}/store.db").store.engine.dispose()
    assert (folder / "store.db").is_file()
