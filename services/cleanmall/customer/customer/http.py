"""HTTP: the messages, their live stream, health, metrics, and the routes for operators."""

import asyncio
import functools
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from . import problems
from .envelope import rfc3339
from .identity import HEADER, Authenticator, Caller, Rejected
from .logs import about, correlate, excerpt, fields
from .metrics import REQUESTS, SECONDS
from .pages import MAX_EXACT, Query, path_id
from .problems import Problem
from .settings import NAME, Settings
from .spans import Spans
from .store import Store, is_transient

log = logging.getLogger("customer.http")

CUSTOMER, OPERATOR = "customer", "operator"
_PATH = "/messages"
_POLL, _KEEP_ALIVE, _CHUNK = 1.0, 10.0, 100
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Changes:
    """Wakes live streams when messages were added."""

    def __init__(self) -> None:
        self._lock, self._waiting = threading.Lock(), set()

    def announce(self) -> None:
        """There may be new messages. From any thread."""
        with self._lock:
            waiting, self._waiting = self._waiting, set()
        for loop, future in waiting:
            try:
                loop.call_soon_threadsafe(lambda one: one.done() or one.set_result(None), future)
            except RuntimeError:
                # The loop of a stream that has ended.
                continue

    def next(self) -> asyncio.Future:
        """Resolves at the next announcement."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        with self._lock:
            self._waiting.add((loop, future))
        return future

    def forget(self, future: asyncio.Future) -> None:
        """Nobody waits for this one any more."""
        with self._lock:
            self._waiting.discard((future.get_loop(), future))


class Health:
    """Liveness and readiness of the process."""

    def __init__(self) -> None:
        self.draining = False
        self.checks: dict[str, Callable[[], None]] = {}
        self.stale: Callable[[], str | None] = lambda: None

    async def readiness(self) -> tuple[bool, dict]:
        """Whether all checks pass, and the result of each. They run at the same time, for a second at most."""
        names = list(self.checks)
        results = await asyncio.gather(*(self._check(self.checks[name]) for name in names))
        described = dict(zip(names, results, strict=True))
        if self.draining:
            described["shutdown"] = "the process is shutting down"
        return all(result == "ok" for result in described.values()), described

    @staticmethod
    async def _check(check: Callable[[], None]) -> str:
        try:
            await asyncio.wait_for(run_in_threadpool(check), 1.0)
            return "ok"
        except TimeoutError:
            return "no answer within 1 s"
        except Exception as error:
            return excerpt(str(getattr(error, "orig", None) or error))


class Streams:
    """Counts the open live streams."""

    def __init__(self, most: int) -> None:
        self._most, self._open = most, 0

    def enter(self) -> None:
        """Opens one, if there are not too many."""
        if self._open >= self._most:
            raise problems.unavailable("the maximum number of live streams is open", 5)
        self._open += 1

    def leave(self) -> None:
        """Closes one."""
        self._open -= 1


def document(row) -> dict:
    """A message over HTTP."""
    return {"id": row.message_id, "callId": row.call_id, "kind": row.kind, "content": row.content,
            "writtenAt": rfc3339(row.written_at), "_links": {"self": {"href": f"{_PATH}/{row.message_id}"}}}


def app(settings: Settings, opened: Store, authenticator: Authenticator, spans: Spans, health: Health, changes: Changes,
        consumer_status: Callable[[], dict | None]) -> FastAPI:
    """The routes of the process."""
    service = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    streams = Streams(settings.max_streams)

    def caller(request: Request) -> Caller:
        return request.state.caller

    def scope(request: Request) -> str | None:
        """The customer whose messages the caller sees; `None`: those of all."""
        who = caller(request)
        if not who.has(CUSTOMER, OPERATOR):
            raise problems.forbidden(CUSTOMER, OPERATOR)
        return None if who.has(OPERATOR) else who.subject

    def operator(request: Request) -> None:
        if not caller(request).has(settings.operator_role):
            raise Problem(403, "forbidden", "Not allowed", "requires the operator role")

    @service.get(_PATH)
    def list_messages(request: Request) -> JSONResponse:
        query, customer = Query.read(request.query_params.multi_items()), scope(request)
        if query.call_id:
            correlate(query.call_id)
        rows = opened.page(customer, query.call_id, query.after, query.size + 1)
        shown, more = rows[:query.size], len(rows) > query.size
        links = {"self": {"href": query.link(_PATH, query.after or None)}}
        if more:
            links["next"] = {"href": query.link(_PATH, shown[-1].message_id)}
        return JSONResponse({"_embedded": {"messages": [document(row) for row in shown]}, "_links": links})

    @service.get(f"{_PATH}/events")
    async def follow(request: Request) -> StreamingResponse:
        query, customer = Query.read(request.query_params.multi_items()), scope(request)
        last = request.headers.get("last-event-id")
        after = path_id(last) if last is not None else 0
        if after is None:
            raise problems.bad_request("Last-Event-ID must be the id of a message of this stream")
        streams.enter()
        return StreamingResponse(events(customer, query.call_id, after), media_type="text/event-stream",
                                 headers={"cache-control": "no-cache"})

    async def events(customer: str | None, call_id: int | None, after: int) -> AsyncIterator[str]:
        """The messages after a number, without end. Ends when the store is lost: the client connects again."""
        try:
            sent = time.monotonic()
            yield ":\n\n"
            while not health.draining:
                # Before the rows are read, so that a change in between is not lost.
                change = changes.next()
                try:
                    rows = await run_in_threadpool(opened.page, customer, call_id, after, _CHUNK)
                    for row in rows:
                        data = json.dumps(document(row), ensure_ascii=False, separators=(",", ":"))
                        yield f"id: {row.message_id}\nevent: {row.kind}\ndata: {data}\n\n"
                        after, sent = row.message_id, time.monotonic()
                    if not rows:
                        if time.monotonic() - sent >= _KEEP_ALIVE:
                            yield ":\n\n"
                            sent = time.monotonic()
                        await asyncio.wait([change], timeout=_POLL)
                finally:
                    changes.forget(change)
        except SQLAlchemyError as error:
            log.warning("a live stream ends, the store failed", **fields(error=excerpt(str(getattr(error, "orig", error)))))
        finally:
            streams.leave()

    @service.get(f"{_PATH}/{{message_id}}")
    def show(message_id: str, request: Request) -> JSONResponse:
        customer, number = scope(request), path_id(message_id)
        if number is None:
            raise problems.not_found(f"an id is a whole number from 1 to {MAX_EXACT}")
        row = opened.find(number)
        if row is None or customer is not None and row.customer != customer:
            raise problems.not_found(f"there is no message {number}")
        correlate(row.call_id)
        return JSONResponse(document(row))

    @service.get("/livez")
    def livez() -> JSONResponse:
        reason = health.stale()
        if reason is None:
            return JSONResponse({"status": "alive"})
        return JSONResponse({"status": "stuck", "stale": {"consumer": reason}}, 503)

    @service.get("/readyz")
    async def readyz() -> JSONResponse:
        ready, checks = await health.readiness()
        return JSONResponse({"status": "ready" if ready else "not-ready", "checks": checks}, 200 if ready else 503)

    @service.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @service.get("/messaging")
    def status(request: Request) -> JSONResponse:
        operator(request)
        depth, oldest = opened.waiting()
        age = max(0.0, time.time() - oldest / 1_000_000) if oldest else 0.0
        return JSONResponse({"context": NAME, "outboxDepth": depth, "outboxAgeSeconds": age, "refusedEvents": 0,
                             "consumer": consumer_status(), "deadLetterTopic": settings.dead_letter_topic})

    @service.post("/messaging/rebuild")
    def rebuild(request: Request) -> JSONResponse:
        operator(request)
        generation = opened.rebuild()
        log.info("the view is rebuilt from the topics", **fields(generation=generation))
        return JSONResponse({"generation": generation}, 202)

    @service.get("/messaging/refused")
    def refused(request: Request) -> JSONResponse:
        """This context publishes nothing but dead letters, which are as small as the broker accepts them."""
        operator(request)
        return JSONResponse([])

    @service.post("/messaging/refused")
    def put_back(request: Request) -> JSONResponse:
        operator(request)
        return JSONResponse({"putBack": 0})

    @service.exception_handler(Problem)
    async def problem(_: Request, raised: Problem) -> Response:
        return raised.response()

    @service.exception_handler(SQLAlchemyError)
    async def store_failed(_: Request, error: SQLAlchemyError) -> Response:
        log.warning("the store failed", **fields(error=excerpt(str(getattr(error, "orig", None) or type(error).__name__))))
        transient = is_transient(error)
        return (problems.unavailable("the store is unavailable", 1) if transient else problems.internal()).response()

    @service.exception_handler(HTTPException)
    async def unmatched(request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:
            return problems.method_not_allowed(_allowed(service, request.url.path)).response()
        return problems.not_found("there is no such path").response()

    service.add_middleware(_Requests, authenticator=authenticator, spans=spans, settings=settings, service=service)
    return service


def _allowed(service: FastAPI, path: str) -> str:
    methods = set()
    for route in service.routes:
        if route.path_regex.fullmatch(path):
            methods |= set(route.methods)
    if "GET" in methods:
        methods.add("HEAD")
    return ",".join(sorted(methods))


# Paths that need no token: probes and the collector of metrics are not authenticated.
_OPEN = ("/livez", "/readyz", "/metrics")


class _Requests:
    """Around every request: host, caller, trace, figures. HEAD is answered as GET without its body."""

    def __init__(self, app, authenticator: Authenticator, spans: Spans, settings: Settings, service: FastAPI) -> None:
        self._app, self._authenticator, self._spans, self._service = app, authenticator, spans, service
        loopback_only = not authenticator.is_enabled and _is_loopback(settings.listen[0])
        self._hosts = settings.allowed_hosts or ((), ("*",))[not loopback_only]

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        method, path, began = scope["method"], scope["path"], time.monotonic()
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        route = self._route(path)
        traced = self._spans.begin(headers.get(b"traceparent"), f"{method if method in _METHODS else 'OTHER'} {route}")
        status = 500

        async def answer(message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                SECONDS.labels(method if method in _METHODS else "OTHER", route).observe(time.monotonic() - began)
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        with about(trace=traced.trace_id):
            try:
                self._check_host(headers.get(b"host"))
                _check_origin(method, headers)
                scope.setdefault("state", {})["caller"] = self._caller(path, headers.get(HEADER.encode()))
                if method == "HEAD":
                    scope = {**scope, "method": "GET"}
                await self._app(scope, receive, answer)
            except Problem as problem:
                await problem.response()(scope, receive, answer)
            except Exception as error:
                log.error("a request failed", exc_info=error)
                if status == 500:
                    await problems.internal().response()(scope, receive, answer)
            finally:
                self._spans.end(traced, status)
                REQUESTS.labels(method if method in _METHODS else "OTHER", route, str(status)).inc()

    def _caller(self, path: str, token: str | None) -> Caller | None:
        if path in _OPEN:
            return None
        try:
            return self._authenticator.caller(token)
        except Rejected as reason:
            # The client bypassed the gateway, or the clocks differ.
            if token is not None:
                log.warning("a token was rejected", **fields(reason=reason))
            raise problems.unauthorized() from None

    def _check_host(self, given: str | None) -> None:
        name = _host_name(given or "")
        if "*" in self._hosts or name in self._hosts or _is_loopback(name):
            return
        raise problems.misdirected(excerpt(name))

    def _route(self, path: str) -> str:
        return next((route.path for route in self._service.routes if route.path_regex.fullmatch(path)), "unmatched")


def _check_origin(method: str, headers: dict[bytes, str]) -> None:
    """Rejects unsafe requests that a browser marks as those of a page. Pages use the gateway, which has no such routes."""
    site, origin = headers.get(b"sec-fetch-site", "none"), headers.get(b"origin")
    if method not in ("GET", "HEAD", "OPTIONS") and (site not in ("none", "same-origin") or origin):
        raise Problem(403, "forbidden", "Not allowed", "cross-origin requests are not allowed")


def _host_name(authority: str) -> str:
    authority = authority.lower()
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]


@functools.cache
def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.endswith(".localhost") or (
        host.startswith("127.") and host.replace(".", "").isdigit())
