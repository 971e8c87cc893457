"""Who sees which messages, errors as problems, the live stream, and the routes for operators."""

import base64
import json
import re
import time

import pytest
from conftest import FLEET, FOLDER, World, record, settings_of
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.testclient import TestClient

from customer import http
from customer.identity import HEADER, Authenticator
from customer.spans import Spans

DOCUMENT = json.loads((FOLDER / "openapi.json").read_text())
KEYS = {name: Ed25519PrivateKey.generate() for name in ("gateway", "caller", "stranger")}


def token(subject="ben", roles=("customer",), key="gateway", audience="persons", left=60, algorithm="EdDSA"):
    """An internal token."""
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = {"aud": audience, "sub": subject, "roles": list(roles), "exp": int(time.time()) + left}
    signed = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}"
    signature = base64.urlsafe_b64encode(KEYS[key].sign(signed.encode())).rstrip(b"=").decode()
    return f"{signed}.{signature}"


class Served:
    """A process whose routes are called without a network."""

    def __init__(self, world, folder=None):
        variables = {"STORE_URL": world.settings.store_url}
        for name, variable in (("gateway", "INTERNAL_TOKEN_PUBLIC_KEY_FILE"), ("caller", "SERVICE_PUBLIC_KEY_FILE")):
            if folder:
                pem = KEYS[name].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
                (folder / f"{name}.pem").write_bytes(pem)
                variables[variable] = str(folder / f"{name}.pem")
        settings = settings_of(**variables)
        self.world, self.health, self.changes = world, http.Health(), http.Changes()
        self.status = {"group": "g", "lag": 0, "partitions": 6}
        app = http.app(settings, world.store, Authenticator(settings), Spans(""), self.health, self.changes, lambda: self.status)
        self.client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)

    def get(self, path, who=None, method="GET", **headers):
        """The response to a request with this token."""
        if who is not None:
            headers[HEADER] = who
        return self.client.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture
def open_world(tmp_path):
    """A process without authentication, with two calls."""
    world = World(f"sqlite:{tmp_path}/store.db")
    world.consume(record(kind, call_id) for call_id in (1, 2) for kind in ("CleanCalled", "CleanManaged", "CleanerAssigned"))
    yield Served(world)
    world.store.engine.dispose()


@pytest.fixture
def closed_world(open_world, tmp_path):
    """The same with authentication."""
    return Served(open_world.world, tmp_path)


def items(answer):
    """Call and kind of the messages on a page."""
    return [(one["callId"], one["kind"]) for one in answer.json()["_embedded"]["messages"]]


def test_messages_are_listed_in_the_order_in_which_they_were_written(open_world):
    assert items(open_world.get("/messages?callId=2")) == [(2, "called"), (2, "managed"), (2, "assigned")]
    listed, path = [], "/messages?size=2"
    while path:
        page = open_world.get(path)
        assert len(items(page)) <= 2
        listed += items(page)
        path = page.json()["_links"].get("next", {}).get("href")
    assert len(listed) == 6 and listed == items(open_world.get("/messages"))


def test_the_document_describes_the_routes_and_the_messages(open_world):
    routes = {re.sub(r"\{.*?\}", "{id}", route.path) for route in open_world.client.app.routes if route.path.startswith("/messages")}
    assert routes == set(DOCUMENT["paths"])
    message = open_world.get("/messages/1").json()
    assert set(message) == set(DOCUMENT["components"]["schemas"]["Message"]["required"])
    kinds = DOCUMENT["components"]["schemas"]["Message"]["properties"]["kind"]["enum"]
    assert message["kind"] in kinds and message["content"].startswith("Your call 1 for seoul is received at 200000.")


@pytest.mark.parametrize("path, detail", [
    ("/messages?callId=0", "callId must be a whole number from 1 to 9007199254740991"),
    ("/messages?callId=x", "callId must be a whole number from 1 to 9007199254740991"),
    ("/messages?callId=1&callId=2", "callId must be given once"),
    ("/messages?size=101", "size must be a whole number from 1 to 100"),
    ("/messages?cursor=x", "cursor must be one from a next link of this list, letter for letter"),
    ("/messages/events?callId=-1", "callId must be a whole number from 1 to 9007199254740991"),
])
def test_a_parameter_that_is_not_valid_is_named_with_its_rule(open_world, path, detail):
    answer = open_world.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["detail"] == detail and answer.json()["type"] == "urn:flotilla:problem:bad-request"


@pytest.mark.parametrize("path, method, status", [
    ("/messages/99", "GET", 404), ("/messages/x", "GET", 404), ("/nothing", "GET", 404), ("/messages", "DELETE", 405),
    ("/messages/1", "PUT", 405), ("/messages/9007199254740992", "GET", 404), ("/messages/%00", "GET", 404),
])
def test_other_errors_are_problems_too(open_world, path, method, status):
    answer = open_world.get(path, method=method)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert status != 405 or answer.headers["allow"] == "GET,HEAD"


def test_head_has_the_headers_of_get_and_no_body(open_world):
    get, head = (open_world.get("/messages", method=method) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


def test_a_request_for_another_host_is_rejected_while_there_is_no_authentication(open_world):
    assert open_world.get("/messages", host="shop.example").status_code == 421
    assert open_world.get("/messages", host="localhost:8084").status_code == 200


def test_a_page_of_another_origin_cannot_rebuild_the_view(open_world):
    for headers in ({"sec_fetch_site": "cross-site"}, {"origin": "https://shop.example"}):
        assert open_world.get("/messaging/rebuild", method="POST", **headers).status_code == 403


def test_a_customer_sees_the_messages_about_their_calls_and_an_operator_all(closed_world):
    own, other, operator = token("customer 1"), token("customer 2"), token("olga", ["operator"])
    assert {call for call, _ in items(closed_world.get("/messages", own))} == {1}
    assert items(closed_world.get("/messages?callId=2", own)) == []
    assert len(items(closed_world.get("/messages", operator))) == 6
    assert [closed_world.get("/messages/1", who).status_code for who in (own, other, operator)] == [200, 404, 200]


@pytest.mark.parametrize("who, status", [
    (None, 401), ("kim", 401), (token("x", key="stranger"), 401), (token("x", left=-11), 401), (token("x", left=120), 401),
    (token("x", algorithm="none"), 401), (token("x", audience="services"), 401), (token("x", ["cook"]), 403),
    (token("x", key="caller", audience="services"), 403), (token("x", key="caller"), 401), ("a.b.c", 401), ("", 401),
])
def test_a_request_that_bypasses_the_gateway_is_rejected(closed_world, who, status):
    for path in ("/messages", "/messages/1", "/messages/events"):
        answer = closed_world.get(path, who)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_what_operators_do_needs_their_role(closed_world):
    for path, method in (("/messaging", "GET"), ("/messaging/rebuild", "POST"), ("/messaging/refused", "GET")):
        assert closed_world.get(path, token(), method).status_code == 403
        assert closed_world.get(path, token("olga", ["operator"]), method).status_code in (200, 202)
    assert closed_world.get("/livez").status_code == 200


def test_a_rebuild_begins_a_new_generation_and_numbers_go_on(open_world):
    before, generation = open_world.world.store.last_number(), open_world.world.store.ensure_generation()
    answer = open_world.get("/messaging/rebuild", method="POST")
    assert answer.status_code == 202 and answer.json()["generation"] != generation
    assert items(open_world.get("/messages")) == []
    open_world.world.consume([record("CleanCalled", 1)])
    assert open_world.get("/messages").json()["_embedded"]["messages"][0]["id"] == before + 1


def test_the_status_has_the_members_that_the_commands_read(open_world):
    status = open_world.get("/messaging").json()
    assert status == {"context": "customer", "outboxDepth": 0, "outboxAgeSeconds": 0.0, "refusedEvents": 0,
                      "consumer": open_world.status, "deadLetterTopic": f"{FLEET}.customer.dead-letters"}


def test_readiness_names_what_fails_and_a_shutdown(open_world):
    def fails():
        raise ConnectionError("no broker")

    open_world.health.checks = {"store": open_world.world.store.ping, "broker": fails}
    answer = open_world.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]) == (503, {"store": "ok", "broker": "no broker"})
    open_world.health.checks.pop("broker")
    assert open_world.get("/readyz").status_code == 200
    open_world.health.draining = True
    assert open_world.get("/readyz").status_code == 503


def test_metrics_count_requests_by_route(open_world):
    open_world.get("/messages/1")
    assert 'http_requests_total{method="GET",route="/messages/{message_id}",status="200"}' in open_world.get("/metrics").text


def test_a_store_that_is_away_is_answered_503(open_world, monkeypatch):
    from sqlalchemy.exc import OperationalError

    def away(*_):
        raise OperationalError("SELECT", {}, Exception("the database is locked"))

    monkeypatch.setattr(open_world.world.store, "page", away)
    answer = open_world.get("/messages")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
