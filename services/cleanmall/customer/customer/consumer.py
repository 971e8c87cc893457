"""The consumer: inbox, state and dead letters in one transaction, the offset after it."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from . import dead_letters, messages, models, store
from .envelope import Envelope, NotAnEvent, Record, parse_data
from .logs import about, excerpt, fields
from .metrics import EVENTS
from .settings import NAME, Settings
from .spans import Spans

log = logging.getLogger("customer.consumer")

# The events that it handles, by the context that publishes them.
HANDLED: dict[tuple[str, str], type[BaseModel]] = {
    ("cleancall", "CleanCalled"): models.CleanCalled,
    ("cleancall", "CleanCallCanceled"): models.CleanCallCanceled,
    ("cleanmanage", "CleanManaged"): models.CleanManaged,
    ("cleanassign", "CleanerAssigned"): models.CleanerAssigned,
    ("cleanassign", "AssignmentCanceled"): models.AssignmentCanceled,
    ("cleanassign", "AssignmentFinished"): models.AssignmentFinished,
}
CONTEXTS = sorted({context for context, _ in HANDLED})

_MAX_BACKOFF = 5.0


@dataclass(frozen=True)
class Received:
    """An event to apply."""

    envelope: Envelope
    step: messages.Step


@dataclass(frozen=True)
class Dead:
    """A record that becomes a dead letter."""

    record: Record
    reason: str


@dataclass
class Outcome:
    """The outcome of a batch."""

    applied: int = 0
    repeated: int = 0
    dead: int = 0

    def add(self, other: "Outcome") -> None:
        """Adds the counts of another part of the batch."""
        self.applied += other.applied
        self.repeated += other.repeated
        self.dead += other.dead


class _Deadline(Exception):
    """The store was unavailable until the end of the time of the batch."""


def decode(envelope: Envelope) -> messages.Step | None:
    """The step in an event; `None` if the context does not handle its type."""
    model = HANDLED.get((envelope.context, envelope.kind))
    if model is None:
        return None
    try:
        event = model.model_validate(parse_data(envelope.data), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise NotAnEvent(f"{envelope.kind}: {excerpt(place)}: {excerpt(first['msg'])}") from None
    if str(event.callId) != envelope.subject:
        raise NotAnEvent(f'{envelope.kind} is about {event.callId}, but its subject is "{excerpt(envelope.subject)}"')
    return messages.step(event, envelope.time)


class Processor:
    """Processes batches of records."""

    def __init__(self, settings: Settings, opened: store.Store, spans: Spans,
                 applied: Callable[[], None] = lambda: None, beat: Callable[[], None] = lambda: None) -> None:
        self._settings, self._store, self._spans = settings, opened, spans
        self._applied, self._beat = applied, beat

    def process_some(self, records: list[Record]) -> tuple[Outcome, int]:
        """Processes records in their order, for at most the time of a batch. Returns the number of records done.

        A batch is repeated only while the store is away. Any other failure is that of a record: the batch is halved until
        that record is alone, and it becomes a dead letter.
        """
        until = time.monotonic() + self._settings.batch_time
        decoded = [self._decode(record) for record in records]
        outcome, done, parts = Outcome(), 0, [(0, len(records))]
        while parts:
            begin, end = parts.pop()
            try:
                outcome.add(self._persist(decoded[begin:end], until))
                done = end
            except _Deadline:
                break
            except Exception as error:
                if end - begin > 1:
                    log.warning("a batch failed", **fields(failure=_shown(error), events=end - begin))
                    middle = begin + (end - begin) // 2
                    parts += [(middle, end), (begin, middle)]
                else:
                    decoded[begin] = Dead(records[begin], _shown(error))
                    parts.append((begin, end))
            self._beat()
            if done and time.monotonic() >= until:
                break
        for name, count in vars(outcome).items():
            EVENTS.labels(name).inc(count)
        if outcome.applied:
            self._applied()
        return outcome, done

    def _decode(self, record: Record) -> Received | Dead | None:
        redriven_for = record.header(dead_letters.REDRIVEN_FOR)
        if redriven_for is not None and redriven_for != NAME.encode():
            return None
        try:
            envelope = Envelope.read(record)
            # Only its context may append to a topic. The source decides how the event is decoded, so it must agree.
            if self._settings.topic(envelope.context) != record.place.topic:
                source = excerpt(envelope.source)
                raise NotAnEvent(f'its source is "{source}", which does not publish to this topic')
            step = decode(envelope)
        except NotAnEvent as reason:
            return Dead(record, str(reason))
        return None if step is None else Received(envelope, step)

    def _persist(self, part: list, until: float) -> Outcome:
        """Repeats while the store is away, until `until`. Any other failure is raised at once."""
        pause = self._settings.backoff
        while True:
            try:
                return self._try_persist([one for one in part if one is not None])
            except SQLAlchemyError as error:
                is_letter = len(part) == 1 and isinstance(part[0], Dead)
                if store.is_transient(error):
                    log.warning("the store is away; events wait", **fields(failure=_shown(error)))
                elif is_letter:
                    # To give up on a dead letter would lose its record.
                    log.error("a dead letter cannot be written; the consumer waits", **fields(failure=_shown(error)))
                else:
                    raise
            self._beat()
            if time.monotonic() + pause >= until:
                time.sleep(max(0.0, until - time.monotonic()))
                raise _Deadline
            time.sleep(pause)
            pause = min(pause * 2, _MAX_BACKOFF)

    def _try_persist(self, part: list) -> Outcome:
        if not part:
            return Outcome()
        received = [one for one in part if isinstance(one, Received)]
        dead = [one for one in part if isinstance(one, Dead)]
        now = time.time_ns() // 1000
        with self._store.begin() as tx:
            ids = [one.envelope.id for one in received] + [dead_letters.inbox_key(one.record.place) for one in dead]
            new = store.add_to_inbox(tx, ids, now)
            fresh = []
            for one in received:
                # An event that is twice in one batch is new only once.
                if one.envelope.id in new:
                    new.remove(one.envelope.id)
                    fresh.append(one)
            _apply(tx, [one.step for one in fresh])
            letters = [one for one in dead if dead_letters.inbox_key(one.record.place) in new]
            for one in letters:
                self._add_letter(tx, one, now)
        for one in fresh:
            self._spans.processed(one.envelope, now)
            with about(one.envelope.trace and one.envelope.trace[3:35], one.envelope.subject):
                log.debug("applied", **fields(event=one.envelope.kind))
        return Outcome(len(fresh), len(received) - len(fresh), len(letters))

    def _add_letter(self, tx, one: Dead, now: int) -> None:
        subject, data = dead_letters.letter(one.record, one.reason, self._settings.max_letter_bytes)
        store.add_letter(tx, self._settings.dead_letter_topic, dead_letters.KIND, subject, data, now)
        with about(case=subject):
            log.error("a record is a dead letter", **fields(letter=one.record.place, reason=excerpt(one.reason)))


def _apply(tx, steps: list[messages.Step]) -> None:
    """Adds the steps, and the messages that are due with them."""
    calls = {one.call_id for one in steps}
    known = {one.key: one for one in store.known_steps(tx, calls)}
    # An event may come again long after the inbox has forgotten it.
    new = {one.key: one for one in steps if one.key not in known}
    store.add_steps(tx, list(new.values()))
    store.add_messages(tx, messages.due([*known.values(), *new.values()], store.written(tx, calls)))


def _shown(error: BaseException) -> str:
    """The text of the store itself: SQLAlchemy's repeats the statement with its values."""
    return excerpt(str(getattr(error, "orig", None) or f"{type(error).__name__}: {error}"))


class Heartbeat:
    """The sign of life of a loop."""

    def __init__(self, allowed: float = 120.0) -> None:
        self._allowed, self._last, self._lock = allowed, time.monotonic(), threading.Lock()

    def beat(self) -> None:
        """The loop is alive."""
        with self._lock:
            self._last = time.monotonic()

    def stale(self) -> str | None:
        """Why it counts as stuck, if it does."""
        with self._lock:
            age = time.monotonic() - self._last
        return f"no sign of life for {age:.1f} s, {self._allowed:.0f} s are allowed" if age > self._allowed else None
