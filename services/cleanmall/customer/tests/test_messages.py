"""The rules: which messages a customer gets."""

from hypothesis import given
from hypothesis import strategies as st

from customer.messages import CALLED, STEPS, Step, due

KINDS = list(STEPS.values())


def step(kind, attempt=1):
    """A step of call 5."""
    return Step(5, attempt, kind, 1_000, "ben", "seoul", 200_000, "KIM")


def written(order):
    """The messages that are written when the steps become known in this order."""
    known, found = {}, []
    for batch in order:
        for one in batch:
            known[one.key] = one
        fresh = due(known.values(), {(one.call_id, one.attempt, one.kind) for one in found})
        found.extend(fresh)
    return found


@given(st.lists(st.lists(st.builds(step, st.sampled_from(KINDS), st.integers(1, 2)), max_size=4), max_size=12))
def test_each_step_of_a_taken_call_has_one_message_in_any_order_and_with_any_repetition(order):
    found = [(one.attempt, one.kind) for one in written(order)]
    known = {(one.attempt, one.kind) for batch in order for one in batch}
    taken = {attempt for attempt, kind in known if kind == CALLED}
    assert sorted(found) == sorted((attempt, kind) for attempt, kind in known if attempt in taken)
    for attempt in taken:
        assert next(kind for of, kind in found if of == attempt) == CALLED


def test_a_call_that_was_never_taken_has_no_messages():
    assert written([[step("managed"), step("assigned"), step("assignmentCancelled")]]) == []


def test_what_was_known_before_the_call_is_written_in_the_order_of_a_call():
    found = written([[step("assigned")], [step("managed")], [step(CALLED)]])
    assert [one.kind for one in found] == [CALLED, "managed", "assigned"]


def test_a_message_names_the_cleaner_and_is_for_the_customer_of_the_call():
    one = Step(5, 1, "assigned", 1_000, None, None, None, "KIM")
    found = written([[step(CALLED), one]])
    assert found[1].content == "Your call 5 is confirmed: KIM comes."
    assert {message.customer for message in found} == {"ben"}


def test_a_call_for_any_place_at_no_price_says_so():
    found = written([[Step(5, 1, CALLED, 1_000)]])
    assert found[0].content == "Your call 5 is received, the price is agreed on site. We are looking for a cleaner."
