"""The story of the README, told by the client that is generated from contracts/matching/openapi.json: matching.py GATEWAY SIMULATOR

SIMULATOR is the file with the settings of the simulated payments. Ends with 1 if an answer is not what the document says.
"""

import json
import sys
import time
from http import HTTPStatus
from pathlib import Path

from matching_client import Client
from matching_client.api.match import cancel_match, list_matches, request_match, show_match
from matching_client.api.mypage import show_my_page
from matching_client.api.payment import show_payment
from matching_client.api.visit import assign_visit, list_open_requests, show_visit
from matching_client.models import (
    AssignVisitBody,
    CancelMatchBody,
    CancelMatchBodyStatus,
    ConflictProblem,
    InvalidFieldProblem,
    Match,
    MyPage,
    NotFoundProblem,
    OpenRequestList,
    Payment,
    PaymentDeclinedProblem,
    PaymentPaymentAction,
    RequestMatchBody,
    Visit,
    VisitStatus,
)

PATIENCE = 20


def eventually(what, look):
    """What `look` finds, as soon as it finds something."""
    until = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < until, f"not within {PATIENCE} s: {what}"
        time.sleep(0.1)
    return found


def answered(response, status, kind):
    """The body of an answer that must have this status and be of this kind."""
    told = f"{response.status_code}: {response.content.decode()}"
    assert response.status_code == status and isinstance(response.parsed, kind), told
    return response.parsed


def student_and_tutor(client):
    asked = request_match.sync_detailed(client=client, body=RequestMatchBody(price=50000))
    match = answered(asked, HTTPStatus.CREATED, Match)
    assert asked.headers["location"] == f"/matches/{match.id}"
    again = request_match.sync_detailed(client=client, body=RequestMatchBody(price="50000", id=str(match.id)))
    assert answered(again, HTTPStatus.OK, Match).id == match.id, "numbers may be digits, and nothing is paid twice"
    assert match.id in {listed.id for listed in every_match(client)}

    eventually("tutors see the request", lambda: match.id in open_requests(client))
    request = AssignVisitBody(match_id=match.id, teacher="TEACHER", visit_date="21/01/21")
    visit = answered(assign_visit.sync_detailed(client=client, body=request), HTTPStatus.CREATED, Visit)
    assert visit.visit_date.isoformat() == "2021-01-21"
    answered(assign_visit.sync_detailed(client=client, body=request), HTTPStatus.CONFLICT, ConflictProblem)

    def page():
        page = show_my_page.sync(match.id, client=client)
        return page if isinstance(page, MyPage) and page.status == "visitAssigned" else None

    assert eventually("the page shows the visit", page).teacher == "TEACHER"
    return match.id


def canceled(client, match_id):
    change = CancelMatchBody(status=CancelMatchBodyStatus.CANCEL)
    match = answered(cancel_match.sync_detailed(match_id, client=client, body=change), HTTPStatus.OK, Match)
    assert not match.field_links.cancel, "what is cancelled cannot be cancelled"

    def undone():
        payment = answered(show_payment.sync_detailed(match_id, client=client), HTTPStatus.OK, Payment)
        visit = answered(show_visit.sync_detailed(match_id, client=client), HTTPStatus.OK, Visit)
        return payment.payment_action == PaymentPaymentAction.CANCELED and visit.status == VisitStatus.VISITCANCELED

    eventually("the price is paid back, and the visit cancelled", undone)


def refused(client, match_id, simulator):
    other = request_match.sync_detailed(client=client, body=RequestMatchBody(id=match_id, price=1))
    assert "another price" in answered(other, HTTPStatus.CONFLICT, ConflictProblem).detail
    nothing = request_match.sync_detailed(client=client, body=RequestMatchBody(price=0))
    rule = answered(nothing, HTTPStatus.UNPROCESSABLE_ENTITY, InvalidFieldProblem)
    assert [error.pointer for error in rule.errors] == ["#/price"]
    answered(show_match.sync_detailed(2**53 - 1, client=client), HTTPStatus.NOT_FOUND, NotFoundProblem)

    simulator.write_text(json.dumps({"declineRate": 1}))

    def declined():
        asked = request_match.sync_detailed(client=client, body=RequestMatchBody(price=1))
        return answered(asked, 402, PaymentDeclinedProblem) if asked.status_code != HTTPStatus.CREATED else None

    assert "declines" in eventually("payment declines", declined).detail
    simulator.write_text("{}")
    paid = lambda: request_match.sync_detailed(client=client, body=RequestMatchBody(price=1)).status_code == HTTPStatus.CREATED
    eventually("payment approves again", paid)


def followed(client, match_id):
    """The live stream, which a generated client knows no words for."""
    with client.get_httpx_client().stream("GET", f"/myPages/{match_id}/events") as stream:
        assert stream.headers["content-type"] == "text/event-stream", stream.headers
        lines = (line.split(": ", 1) for line in stream.iter_lines() if ": " in line)
        assert next(lines)[0] == "id"
        # Which of the two mypage hears of first is open.
        assert next(lines) in (["event", "matchRequested"], ["event", "paymentApproved"])
        MyPage.from_dict(json.loads(next(lines)[1]))


def every_match(client):
    page = list_matches.sync(client=client, size=100)
    while True:
        yield from page.field_embedded.matches
        if not page.field_links.next_:
            return
        query = page.field_links.next_.href.split("?", 1)[1]
        page = list_matches.sync(client=client, **dict(pair.split("=", 1) for pair in query.split("&")))


def open_requests(client):
    page = list_open_requests.sync(client=client, size=100)
    assert isinstance(page, OpenRequestList), page
    return {request.id for request in page.field_embedded.visit_req_lists}


def main(gateway, simulator):
    with Client(base_url=gateway, timeout=10) as client:
        match_id = student_and_tutor(client)
        followed(client, match_id)
        canceled(client, match_id)
        refused(client, match_id, Path(simulator))
    print(f"the story is told, with match {match_id}")


if __name__ == "__main__":
    main(*sys.argv[1:])
