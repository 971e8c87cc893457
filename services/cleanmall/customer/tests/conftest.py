"""Stores, records and processes for the tests."""

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

FOLDER = Path(__file__).parents[1]
ROOT = FOLDER.parents[2]
sys.path.insert(0, str(FOLDER))

from customer.consumer import Processor  # noqa: E402
from customer.envelope import Position, Record  # noqa: E402
from customer.settings import Settings  # noqa: E402
from customer.spans import Spans  # noqa: E402
from customer.store import Store  # noqa: E402

FLEET = "test"
# The servers to test on, besides SQLite: URLs without a database.
SERVERS = {"postgres": "FLOTILLA_TEST_POSTGRES", "mariadb": "FLOTILLA_TEST_MARIADB"}


def eventually(condition, seconds=30.0):
    """The first true value of the condition. Fails after a while, with the last error of the condition."""
    deadline, last = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
            last = value
        except (AssertionError, OSError) as error:
            last = error
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {last!r}")


@pytest.fixture(params=["sqlite", *SERVERS])
def store_url(request, tmp_path):
    """The URL of an empty store."""
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path}/store.db"
        return
    server = os.environ.get(SERVERS[request.param])
    if not server:
        pytest.skip(f"{SERVERS[request.param]} is not set")
    name = f"customer_{uuid.uuid4().hex}"
    url = make_url(server)
    driver = "postgresql+psycopg" if request.param == "postgres" else "mysql+pymysql"
    admin = create_engine(url.set(drivername=driver), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        if request.param == "postgres":
            connection.execute(text(f"CREATE DATABASE {name}"))
    yield url.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        forced = " WITH (FORCE)" if request.param == "postgres" else ""
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}{forced}"))
    admin.dispose()


def settings_of(**variables) -> Settings:
    """Settings with these variables."""
    return Settings.read({"FLEET": FLEET, **variables})


class World:
    """One process of the context, without a broker."""

    def __init__(self, url: str, **variables) -> None:
        self.settings = settings_of(STORE_URL=url, **variables)
        self.store = Store(self.settings)
        self.store.prepare()
        self.processor = Processor(self.settings, self.store, Spans(""))

    def consume(self, records):
        """Processes all records, as the consumer does."""
        records, total = list(records), None
        while records:
            outcome, done = self.processor.process_some(records)
            total = outcome if total is None else total
            if total is not outcome:
                total.add(outcome)
            del records[:done]
        return total

    def messages(self, call_id=None):
        """The kinds of the messages about a call, in their order."""
        return [row.kind for row in self.store.page(None, call_id, 0, 100_000)]

    def letters(self):
        """The data of the dead letters that wait."""
        return [json.loads(row.data) for row in self.store.letters(10_000)]


@pytest.fixture
def world(store_url):
    """A process on an empty store."""
    one = World(store_url)
    yield one
    one.store.engine.dispose()


_CONTEXTS = {"CleanCalled": "cleancall", "CleanCallCanceled": "cleancall", "CleanManaged": "cleanmanage",
             "CleanManageCanceled": "cleanmanage", "CleanerAssigned": "cleanassign", "AssignmentCanceled": "cleanassign",
             "AssignmentFinished": "cleanassign"}
_OFFSETS = iter(range(1_000_000))


def headers(kind, call_id, event_id, time="2026-11-30T10:00:00.000000Z", fleet=FLEET):
    """The headers of an event."""
    return {"ce_specversion": "1.0", "ce_id": event_id, "ce_source": f"/{fleet}/{_CONTEXTS[kind]}", "ce_type": kind,
            "ce_subject": str(call_id), "ce_time": time, "content-type": "application/json"}


def data(kind, call_id, attempt=1, **fields):
    """The data of an event."""
    base = {"callId": call_id, "attempt": attempt}
    if kind == "CleanCalled":
        base |= {"location": "seoul", "cost": 200_000, "customer": f"customer {call_id}"}
    if kind in ("CleanerAssigned", "AssignmentCanceled", "AssignmentFinished"):
        base |= {"cleanerId": 3, "cleaner": "KIM"}
    return json.dumps(base | fields)


def record(kind, call_id, attempt=1, fleet=FLEET, **fields):
    """A record with an event. Its id follows from its content: the same again is a repetition."""
    carried = data(kind, call_id, attempt, **fields)
    named = headers(kind, call_id, f"{kind} {carried}", fleet=fleet)
    place = Position(f"{fleet}.{_CONTEXTS[kind]}", 0, next(_OFFSETS))
    return Record(place, str(call_id).encode(), tuple((name, value.encode()) for name, value in named.items()),
                  carried.encode())


def free_port() -> int:
    """A port without a listener."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="session")
def brokers(tmp_path_factory):
    """A broker: that of FLOTILLA_TEST_KAFKA, or the embedded one of FLOTILLA_TEST_BINARIES."""
    if kafka := os.environ.get("FLOTILLA_TEST_KAFKA"):
        yield kafka
        return
    program = Path(os.environ.get("FLOTILLA_TEST_BINARIES", "/nowhere")) / "flotilla-broker"
    if not program.is_file():
        pytest.skip("neither FLOTILLA_TEST_KAFKA nor FLOTILLA_TEST_BINARIES with flotilla-broker is set")
    address = f"127.0.0.1:{free_port()}"
    environment = {**os.environ, "BROKER_LISTEN": address, "BROKER_DIR": str(tmp_path_factory.mktemp("broker"))}
    process = subprocess.Popen([program], env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    host, port = address.split(":")
    eventually(lambda: socket.create_connection((host, int(port)), 1).close() is None)
    yield address
    process.kill()
    process.wait()
