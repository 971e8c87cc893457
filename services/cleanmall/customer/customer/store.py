"""The store: SQLite, PostgreSQL or MariaDB, chosen by the URL.

Writing transactions of all replicas follow each other: each one begins by locking the row of `sequence`. So the numbers of
messages are in the order of their commits, and a reader that has seen one has seen all smaller ones.
"""

import logging
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import unquote_to_bytes

from sqlalchemy import (
    BigInteger, Column, Connection, Integer, MetaData, String, Table, Text, UniqueConstraint, create_engine, delete, event,
    insert, select, text, update,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from .logs import excerpt
from .messages import Message, Step
from .settings import Settings, SettingsError

log = logging.getLogger("customer.store")


def _text(length: int):
    """Text that is compared byte by byte. MariaDB would ignore case and blanks at the end."""
    return String(length).with_variant(mysql.VARCHAR(length, collation="utf8mb4_nopad_bin"), "mysql", "mariadb")


_LONG = Text().with_variant(mysql.LONGTEXT(collation="utf8mb4_nopad_bin"), "mysql", "mariadb")
_NUMBERED = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()
# One row: the last number of a message.
sequence = Table("sequence", metadata, Column("id", BigInteger, primary_key=True, autoincrement=False),
                 Column("last", BigInteger, nullable=False))
# The events that were applied, and the positions of dead letters.
inbox = Table("inbox", metadata, Column("event_id", _text(400), primary_key=True),
              Column("received_at", BigInteger, nullable=False, index=True))
# Dead letters that are not published yet.
outbox = Table("outbox", metadata, Column("seq", _NUMBERED, primary_key=True, autoincrement=True),
               Column("event_id", _text(64), nullable=False), Column("topic", _text(249), nullable=False),
               Column("subject", _LONG, nullable=False), Column("kind", _text(64), nullable=False),
               Column("happened_at", BigInteger, nullable=False), Column("data", _LONG, nullable=False))
# One row. A store that is new or was emptied has a new generation, hence a consumer group that begins at the beginning.
generation = Table("consumer_generation", metadata, Column("id", BigInteger, primary_key=True, autoincrement=False),
                   Column("generation", _text(64), nullable=False))
# What is known of calls.
steps = Table("steps", metadata, Column("call_id", BigInteger, primary_key=True, autoincrement=False),
              Column("attempt", BigInteger, primary_key=True, autoincrement=False), Column("kind", _text(32), primary_key=True),
              Column("happened_at", BigInteger, nullable=False), Column("customer", _text(255)),
              Column("location", _text(255)), Column("cost", BigInteger), Column("cleaner", _text(255)))
# The messages to customers.
messages = Table("messages", metadata, Column("message_id", BigInteger, primary_key=True, autoincrement=False),
                 Column("call_id", BigInteger, nullable=False), Column("attempt", BigInteger, nullable=False),
                 Column("kind", _text(32), nullable=False), Column("customer", _text(255), index=True),
                 Column("content", _LONG, nullable=False), Column("written_at", BigInteger, nullable=False),
                 UniqueConstraint("call_id", "attempt", "kind"))

# Parameters of one statement are limited.
_SLICE = 200
_PURGE = 5_000

# Errors of MariaDB after which the same statement may succeed later: connections, locks, room, a server that is read-only.
_TRANSIENT = {1021, 1030, 1040, 1053, 1077, 1080, 1114, 1129, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1290, 1792, 1836,
              1927, 2002, 2003, 2006, 2013, 2055}


def is_transient(error: BaseException) -> bool:
    """Whether the store is away, busy or full: the same may succeed later."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    arguments = getattr(error.orig, "args", ())
    if type(error.orig).__module__.startswith("pymysql"):
        return bool(arguments) and arguments[0] in _TRANSIENT
    return isinstance(error, OperationalError)


def _slices(values: Sequence) -> Iterator[Sequence]:
    for begin in range(0, len(values), _SLICE):
        yield values[begin:begin + _SLICE]


class Store:
    """An open store with its tables."""

    def __init__(self, settings: Settings) -> None:
        self._url = _driver_url(settings)
        self.engine = _engine(self._url, settings)
        self._start_limit = settings.store_start_limit

    def prepare(self) -> None:
        """Creates the database and the tables that do not exist. Waits for a store that does not respond yet."""
        deadline, pause = time.monotonic() + self._start_limit, 0.1
        while True:
            try:
                self._create_database()
                # Another replica may do the same at this moment, which is an error here or there, and then done.
                metadata.create_all(self.engine)
                with self.engine.begin() as tx:
                    if tx.execute(select(sequence.c.id)).first() is None:
                        tx.execute(insert(sequence).values(id=1, last=0))
                return
            except SQLAlchemyError as error:
                if time.monotonic() + pause >= deadline:
                    raise
                log.warning("the store is unavailable yet", extra={"fields": {"error": _shown(error)}})
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _create_database(self) -> None:
        if self._url.get_backend_name() not in ("mysql", "mariadb"):
            return
        server = create_engine(self._url._replace(database=None))
        try:
            with server.connect() as connection:
                name = server.dialect.identifier_preparer.quote_identifier(self._url.database or "customer")
                connection.execute(text(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4"))
        except DBAPIError as error:
            if is_transient(error):
                raise
            # A user who may not create databases uses one that exists.
            log.debug("the database was not created", extra={"fields": {"error": _shown(error)}})
        finally:
            server.dispose()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A writing transaction, the only one at this time."""
        with self.engine.connect() as tx:
            tx = tx.execution_options(writes=True)
            with tx.begin():
                tx.execute(update(sequence).where(sequence.c.id == 1).values(last=sequence.c.last))
                yield tx

    def ping(self) -> None:
        """Fails if the store does not respond."""
        with self.engine.connect() as connection:
            connection.execute(select(sequence.c.id)).first()

    # The consumer.

    def current_generation(self) -> str | None:
        """The generation of the store, if it has one."""
        with self.engine.connect() as connection:
            return connection.execute(select(generation.c.generation)).scalar()

    def ensure_generation(self) -> str:
        """The generation of the store; a new store gets one now."""
        with self.begin() as tx:
            current = tx.execute(select(generation.c.generation)).scalar()
            if current is None:
                current = uuid.uuid4().hex
                tx.execute(insert(generation).values(id=1, generation=current))
            return current

    def rebuild(self) -> str:
        """Forgets everything that came from events, and begins a new generation. Returns it."""
        new = uuid.uuid4().hex
        with self.begin() as tx:
            for table in (messages, steps, inbox, generation):
                tx.execute(delete(table))
            tx.execute(insert(generation).values(id=1, generation=new))
        return new

    def purge(self, before: int) -> int:
        """Deletes entries of the inbox that are older than this. Returns their number."""
        purged = 0
        while True:
            with self.begin() as tx:
                old = list(tx.execute(select(inbox.c.event_id).where(inbox.c.received_at < before).limit(_PURGE)).scalars())
                for some in _slices(old):
                    tx.execute(delete(inbox).where(inbox.c.event_id.in_(some)))
            purged += len(old)
            if len(old) < _PURGE:
                return purged

    # Dead letters that wait for the broker.

    def waiting(self) -> tuple[int, int | None]:
        """How many dead letters wait, and the time of the oldest."""
        with self.engine.connect() as connection:
            count = connection.execute(text("SELECT COUNT(*) FROM outbox")).scalar_one()
            oldest = connection.execute(select(outbox.c.happened_at).order_by(outbox.c.seq).limit(1)).scalar()
            return count, oldest

    def letters(self, most: int) -> list:
        """The oldest dead letters that wait."""
        with self.engine.connect() as connection:
            return list(connection.execute(select(outbox).order_by(outbox.c.seq).limit(most)))

    def published(self, seqs: list[int]) -> None:
        """Removes dead letters that the broker has."""
        with self.begin() as tx:
            tx.execute(delete(outbox).where(outbox.c.seq.in_(seqs)))

    # Messages.

    def page(self, customer: str | None, call_id: int | None, after: int, size: int) -> list:
        """Messages in the order in which they were written. `customer` is None for all customers."""
        wanted = select(messages).where(messages.c.message_id > after)
        if customer is not None:
            wanted = wanted.where(messages.c.customer == customer)
        if call_id is not None:
            wanted = wanted.where(messages.c.call_id == call_id)
        with self.engine.connect() as connection:
            return list(connection.execute(wanted.order_by(messages.c.message_id).limit(size)))

    def find(self, message_id: int) -> object | None:
        """A message."""
        with self.engine.connect() as connection:
            return connection.execute(select(messages).where(messages.c.message_id == message_id)).first()

    def last_number(self) -> int:
        """The number of the last message."""
        with self.engine.connect() as connection:
            return connection.execute(select(sequence.c.last)).scalar_one()


def add_to_inbox(tx: Connection, ids: Iterable[str], now: int) -> set[str]:
    """Adds these ids. Returns those that were not there."""
    wanted, known = sorted(set(ids)), set()
    for some in _slices(wanted):
        known.update(tx.execute(select(inbox.c.event_id).where(inbox.c.event_id.in_(some))).scalars())
    new = [{"event_id": one, "received_at": now} for one in wanted if one not in known]
    if new:
        tx.execute(insert(inbox), new)
    return {row["event_id"] for row in new}


def known_steps(tx: Connection, calls: Iterable[int]) -> list[Step]:
    """The steps of these calls."""
    found = []
    for some in _slices(sorted(set(calls))):
        rows = tx.execute(select(steps).where(steps.c.call_id.in_(some)))
        found.extend(Step(**row._mapping) for row in rows)
    return found


def add_steps(tx: Connection, new: list[Step]) -> None:
    """Adds steps."""
    if new:
        tx.execute(insert(steps), [vars(one) for one in new])


def written(tx: Connection, calls: Iterable[int]) -> set[tuple[int, int, str]]:
    """The steps of these calls that have their message."""
    found = set()
    for some in _slices(sorted(set(calls))):
        columns = select(messages.c.call_id, messages.c.attempt, messages.c.kind).where(messages.c.call_id.in_(some))
        found.update(tuple(row) for row in tx.execute(columns))
    return found


def add_messages(tx: Connection, new: list[Message]) -> None:
    """Adds messages, with the next numbers."""
    if new:
        last = tx.execute(select(sequence.c.last)).scalar_one()
        rows = [{"message_id": last + number, **vars(one)} for number, one in enumerate(new, 1)]
        tx.execute(insert(messages), rows)
        tx.execute(update(sequence).values(last=last + len(new)))


def add_letter(tx: Connection, topic: str, kind: str, subject: str, data: str, now: int) -> None:
    """Adds a dead letter to the outbox."""
    row = {"event_id": str(uuid.uuid4()), "topic": topic, "subject": subject, "kind": kind, "happened_at": now, "data": data}
    tx.execute(insert(outbox), row)


def _driver_url(settings: Settings) -> URL:
    """The URL for SQLAlchemy. A password in a file is not in the URL, and neither is printed."""
    given = settings.store_url
    if given.startswith("sqlite:"):
        path = given.removeprefix("sqlite:")
        path = path.removeprefix("//") if path.startswith("///") else path.removeprefix("//")
        name, _, _ = path.partition("?")
        # Whatever a URL cannot have is escaped byte by byte, as in crates/store.
        return URL.create("sqlite", database=os.fsdecode(unquote_to_bytes(name)))
    try:
        url = make_url(given)
        drivers = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql",
                   "mariadb": "mysql+pymysql"}
        url = url.set(drivername=drivers[url.drivername])
    except (SQLAlchemyError, KeyError, ValueError):
        raise SettingsError("STORE_URL must begin with sqlite:, postgres:// or mariadb://") from None
    if settings.store_password_file:
        if url.password:
            raise SettingsError("STORE_PASSWORD_FILE is set, and STORE_URL has a password too")
        url = url.set(password=settings.store_password_file.read_text().rstrip("\r\n"))
    # The parameters of sqlx are those of libpq.
    return url


def _engine(url: URL, settings: Settings) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": 5.0, "isolation_level": None}, pool_size=settings.store_connections)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(url, isolation_level="READ COMMITTED", pool_pre_ping=True, pool_size=settings.store_connections,
                         max_overflow=0, pool_timeout=5, connect_args=_tls(url, settings))


def _tls(url: URL, settings: Settings) -> dict:
    files = (settings.store_ca_file, settings.store_cert_file, settings.store_key_file)
    ca, cert, key = (str(file) if file else None for file in files)
    if url.get_backend_name() == "postgresql":
        given = {"sslrootcert": ca, "sslcert": cert, "sslkey": key, "sslmode": "verify-full" if ca else None,
                 "connect_timeout": 5}
    else:
        given = {"ssl_ca": ca, "ssl_cert": cert, "ssl_key": key, "ssl_verify_identity": True if ca else None,
                 "ssl_verify_cert": True if ca else None, "charset": "utf8mb4", "connect_timeout": 5, "read_timeout": 30,
                 "write_timeout": 30}
    return {name: value for name, value in given.items() if value is not None}


def _begin_sqlite(connection: Connection) -> None:
    """A transaction that reads first and writes then would fail if another process wrote in between."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_sqlite(connection, _record) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _shown(error: BaseException) -> str:
    """The driver's own text: that of SQLAlchemy repeats the statement with its values."""
    return excerpt(str(getattr(error, "orig", None) or type(error).__name__))
