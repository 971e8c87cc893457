"""The process itself, on a broker: killed in mid-batch, poison records and redrive, lag, any order, the live stream, SIGTERM."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from conftest import FOLDER, eventually, free_port, record

from customer.dead_letters import REDRIVEN_FOR

CONTEXTS = ("cleancall", "cleanmanage", "cleanassign")


class Process:
    """A running process of the context."""

    def __init__(self, brokers, fleet, url, log, **variables):
        self.fleet, self.port, self._log = fleet, free_port(), log
        environment = {**os.environ, "LISTEN": f"127.0.0.1:{self.port}", "FLEET": fleet, "KAFKA_BROKERS": brokers,
                       "STORE_URL": url, "LOG_FORMAT": "json", "LOG": "debug", "SHUTDOWN_GRACE": "5s", **variables}
        with log.open("ab") as stderr:
            self._process = subprocess.Popen([sys.executable, "-m", "customer"], cwd=FOLDER, env=environment,
                                             stdin=subprocess.DEVNULL, stderr=stderr)

    def get(self, path):
        """The document at a path."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return json.load(answer)

    def ready(self):
        """Waits until the process is ready."""
        eventually(lambda: self.get("/readyz")["status"] == "ready")
        return self

    def messages(self):
        """Call and kind of all messages."""
        found, path = [], "/messages?size=100"
        while path:
            page = self.get(path)
            found += [(one["callId"], one["kind"]) for one in page["_embedded"]["messages"]]
            path = page["_links"].get("next", {}).get("href")
        return found

    def settled(self, seconds=60.0):
        """Waits until nothing is left to consume or to publish."""
        def is_settled():
            status = self.get("/messaging")
            return status["consumer"] and status["consumer"]["lag"] == 0 and status["outboxDepth"] == 0
        eventually(is_settled, seconds)

    def signal(self, number):
        """Sends a signal and returns the exit code."""
        self._process.send_signal(number)
        return self._process.wait(10)

    def log(self):
        """The lines of the log."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]


class Broker:
    """The topics of a fleet of its own."""

    def __init__(self, brokers):
        self.brokers, self.fleet = brokers, f"t{uuid.uuid4().hex[:12]}"
        names = [f"{self.fleet}.{context}" for context in (*CONTEXTS, "customer", "customer.dead-letters")]
        admin = AdminClient({"bootstrap.servers": brokers})
        for done in admin.create_topics([NewTopic(name, 3, 1) for name in names]).values():
            done.result(15)
        self._producer = Producer({"bootstrap.servers": brokers})

    def send(self, records):
        """Publishes records."""
        for one in records:
            while True:
                with contextlib.suppress(BufferError):
                    self._producer.produce(one.place.topic, key=one.key, value=one.payload, headers=list(one.headers))
                    break
                self._producer.poll(0.1)
        assert self._producer.flush(30) == 0

    def event(self, kind, call_id, **fields):
        """A record of this fleet."""
        return record(kind, call_id, fleet=self.fleet, **fields)

    def letters(self):
        """The dead letters in the topic."""
        topic = f"{self.fleet}.customer.dead-letters"
        reader = Consumer({"bootstrap.servers": self.brokers, "group.id": uuid.uuid4().hex, "enable.auto.commit": False})
        found = []
        for partition in range(3):
            low, high = reader.get_watermark_offsets(TopicPartition(topic, partition), 10)
            reader.assign([TopicPartition(topic, partition, low)])
            while low < high:
                if message := reader.poll(1):
                    found.append(message)
                    low = message.offset() + 1
        reader.close()
        return found


@pytest.fixture
def broker(brokers):
    """The topics of a fleet of its own."""
    return Broker(brokers)


@pytest.fixture
def start(broker, store_url, tmp_path):
    """Starts processes on one store. They are ended with the test."""
    started = []

    def begin(**variables):
        started.append(Process(broker.brokers, broker.fleet, store_url, tmp_path / "log.txt", **variables))
        return started[-1]

    yield begin
    for process in started:
        if process._process.poll() is None:
            process.signal(signal.SIGKILL)


def test_a_process_that_is_killed_in_mid_batch_writes_each_message_once(broker, start):
    calls, kinds = range(1, 301), ("CleanCalled", "CleanManaged", "CleanerAssigned", "AssignmentFinished")
    broker.send(broker.event(kind, call_id) for call_id in calls for kind in kinds)
    kills = 0
    while kills < 4:
        process = start(CONSUMER_BATCH="20", CONSUMER_COMMIT_EVERY="10s", CONSUMER_SESSION="6s")
        before = kills * 40
        # A batch of 20 takes a few milliseconds: the process dies while the next ones are under way.
        with contextlib.suppress(OSError, AssertionError):
            eventually(lambda: len(process.messages()) > before, 20)
        assert process.signal(signal.SIGKILL) == -signal.SIGKILL
        kills += 1
    process = start().ready()
    process.settled(90)
    found = process.messages()
    assert len(found) == len(set(found)) == len(calls) * len(kinds)


def test_a_poison_record_goes_to_its_dead_letters_and_is_applied_when_it_is_sent_again(broker, start):
    process = start().ready()
    good, bad = broker.event("CleanCalled", 1), broker.event("CleanManaged", 1)
    poison = type(bad)(bad.place, bad.key, (("ce_specversion", b"9"), *bad.headers[1:]), bad.payload)
    broker.send([good, poison, broker.event("CleanerAssigned", 1)])
    eventually(lambda: process.messages() == [(1, "called"), (1, "assigned")])
    letter = eventually(broker.letters)[0]
    headers, document = dict(letter.headers()), json.loads(letter.value())
    assert (headers["ce_type"], headers["ce_subject"], letter.key()) == (b"flotilla.DeadLettered", b"1", b"1")
    assert document["reason"] == 'ce_specversion is "9", not "1.0"' and document["key"] == {"text": "1"}
    # As `flotilla redrive` does, once the reason is gone.
    broker.send([type(bad)(bad.place, bad.key, (*bad.headers, (REDRIVEN_FOR, b"customer")), bad.payload)])
    eventually(lambda: (1, "managed") in process.messages())
    assert len(broker.letters()) == 1


def test_headers_of_any_bytes_stop_nobody(broker, start):
    process = start().ready()
    one = broker.event("CleanCalled", 1)
    broker.send([type(one)(one.place, one.key, (*one.headers, ("é", None), ("x" * 1000, b"\xff\x00")), one.payload)])
    eventually(lambda: process.messages() == [(1, "called")])


def test_events_in_any_order_and_twice_have_one_message_each(broker, start):
    records = [broker.event(kind, call_id) for call_id in range(1, 51) for kind in ("CleanCalled", "CleanerAssigned")] * 2
    random.Random(5).shuffle(records)
    broker.send(records)
    process = start().ready()
    process.settled()
    found = process.messages()
    assert len(found) == len(set(found)) == 100


def test_what_came_while_the_process_was_absent_is_written_afterwards(broker, start):
    process = start().ready()
    assert process.signal(signal.SIGTERM) == 0
    broker.send(broker.event("CleanCalled", call_id) for call_id in range(1, 1_001))
    process = start().ready()
    process.settled()
    assert sorted(process.messages()) == [(call_id, "called") for call_id in range(1, 1_001)]


def test_a_rebuild_reads_the_topics_from_their_beginning(broker, start):
    broker.send([broker.event("CleanCalled", 1), broker.event("CleanManaged", 1)])
    process = start().ready()
    eventually(lambda: process.messages() == [(1, "called"), (1, "managed")])
    request = urllib.request.Request(f"http://127.0.0.1:{process.port}/messaging/rebuild", b"", method="POST")
    urllib.request.urlopen(request, timeout=5).close()
    eventually(lambda: process.messages() == [(1, "called"), (1, "managed")])


def test_a_live_stream_sends_what_is_new_and_goes_on_after_the_last_message(broker, start):
    process = start().ready()
    url = f"http://127.0.0.1:{process.port}/messages/events?callId=1"

    def follow(count, **headers):
        request, found, line_id = urllib.request.Request(url, headers=headers), [], None
        with urllib.request.urlopen(request, timeout=20) as stream:
            broker.send([broker.event("CleanCalled", 1), broker.event("CleanManaged", 1), broker.event("CleanerAssigned", 1)])
            while len(found) < count:
                line = stream.readline().decode().strip()
                line_id = line.removeprefix("id: ") if line.startswith("id: ") else line_id
                if line.startswith("event: "):
                    found.append((line_id, line.removeprefix("event: ")))
        return found

    first = follow(2)
    assert [kind for _, kind in first][0] == "called"
    rest = follow(1, **{"Last-Event-ID": first[-1][0]})
    assert {kind for _, kind in first + rest} == {"called", "managed", "assigned"}


def test_sigterm_ends_the_process_with_its_streams_and_the_log_names_traces_and_cases(broker, start):
    process = start().ready()
    one = broker.event("CleanCalled", 77)
    trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    broker.send([type(one)(one.place, one.key, (*one.headers, ("ce_traceparent", trace)), one.payload)])
    eventually(process.messages)
    with urllib.request.urlopen(f"http://127.0.0.1:{process.port}/messages/events", timeout=10) as stream:
        began = time.monotonic()
        assert process.signal(signal.SIGTERM) == 0
        assert time.monotonic() - began < 5 and stream.read() is not None
    spans = [line.get("span", {}) for line in process.log()]
    assert {"name": "request", "trace_id": trace.decode()[3:35], "case": "77"} in spans


def test_settings_that_cannot_be_used_end_the_process_with_their_name(tmp_path):
    for variable, value in (("LISTEN", "x"), ("STORE_URL", "oracle://x"), ("CONSUMER_BATCH", "0"), ("REQUIRE_IDENTITY", "true")):
        environment = {**os.environ, "STORE_URL": f"sqlite:{tmp_path}/s.db", variable: value}
        ended = subprocess.run([sys.executable, "-m", "customer"], cwd=FOLDER, env=environment, capture_output=True, timeout=20)
        assert ended.returncode == 1 and variable in ended.stderr.decode()
