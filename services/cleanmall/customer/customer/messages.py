"""The messages to a customer: a pure function of the events of their call. No I/O, no clock.

Topics are independent, so events arrive in any order. A call that was never taken has no messages: its steps wait until
CleanCalled is known. From then on each step has one message, in the order in which the steps became known.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from . import models

# The events that have a message, in the order of a call. The first one takes the call.
CALLED = "called"
STEPS = {
    models.CleanCalled: CALLED,
    models.CleanManaged: "managed",
    models.CleanerAssigned: "assigned",
    models.AssignmentFinished: "finished",
    models.CleanCallCanceled: "cancelled",
    models.AssignmentCanceled: "assignmentCancelled",
}
_ORDER = list(STEPS.values())


@dataclass(frozen=True)
class Step:
    """A step of an attempt at a call, as its event states it."""

    call_id: int
    attempt: int
    kind: str
    # Microseconds since 1970.
    happened_at: int
    customer: str | None = None
    location: str | None = None
    cost: int | None = None
    cleaner: str | None = None

    @property
    def key(self) -> tuple[int, int, str]:
        """There is one step of a kind per attempt."""
        return self.call_id, self.attempt, self.kind


@dataclass(frozen=True)
class Message:
    """A message to the customer of a call."""

    call_id: int
    attempt: int
    kind: str
    customer: str | None
    content: str
    written_at: int


def step(event: models.BaseModel, time: int) -> Step:
    """The step that an event states."""
    fields = {name: getattr(event, name, None) for name in ("customer", "location", "cost", "cleaner")}
    return Step(event.callId, event.attempt, STEPS[type(event)], time, **fields)


def due(known: Iterable[Step], written: set[tuple[int, int, str]]) -> list[Message]:
    """The messages of these steps that are not written yet, if their calls are taken."""
    known = list(known)
    taken = {one.key[:2]: one for one in known if one.kind == CALLED}
    fresh = [one for one in known if one.key not in written and one.key[:2] in taken]
    fresh.sort(key=lambda one: (one.call_id, one.attempt, _ORDER.index(one.kind)))
    return [_message(one, taken[one.key[:2]]) for one in fresh]


def _message(one: Step, call: Step) -> Message:
    content = _content(one)
    return Message(one.call_id, one.attempt, one.kind, call.customer, content, one.happened_at)


def _content(one: Step) -> str:
    match one.kind:
        case "called":
            place = f" for {one.location}" if one.location else ""
            price = f" at {one.cost}" if one.cost else ", the price is agreed on site"
            return f"Your call {one.call_id}{place} is received{price}. We are looking for a cleaner."
        case "managed":
            return f"Your call {one.call_id} is accepted."
        case "assigned":
            return f"Your call {one.call_id} is confirmed: {one.cleaner} comes."
        case "finished":
            return f"The work for your call {one.call_id} is done. {one.cleaner} thanks you."
        case "cancelled":
            return f"Your call {one.call_id} is cancelled."
        case _:
            return f"{one.cleaner} does not come for your call {one.call_id} any more."
