"""The process: `python -m customer`. `--probe` checks whether the process on LISTEN is ready."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
import urllib.request

import uvicorn

from . import http, logs
from .consumer import Heartbeat, Processor
from .identity import Authenticator
from .kafka import Kafka
from .settings import NAME, Settings, SettingsError
from .spans import Spans
from .store import Store

log = logging.getLogger(NAME)


class _Server(uvicorn.Server):
    """The signals are handled here, because the process goes on to accept requests for a while after SIGTERM."""

    @contextlib.contextmanager
    def capture_signals(self):
        yield


def _probe(settings: Settings) -> int:
    host, port = settings.listen
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/readyz", timeout=2):
            return 0
    except OSError as error:
        print(f"{NAME}: not ready: {error}", file=sys.stderr)
        return 1


async def _serve(settings: Settings, service, health: http.Health, changes: http.Changes) -> None:
    host, port = settings.listen
    server = _Server(uvicorn.Config(
        service, host=host, port=port, log_config=None, access_log=False, lifespan="off", server_header=False, http="h11",
        timeout_graceful_shutdown=max(1, int(settings.shutdown_grace * 0.8)), timeout_keep_alive=10, backlog=1024,
        h11_max_incomplete_event_size=16_384, proxy_headers=False, limit_concurrency=4096,
    ))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if settings.stop_on_stdin_eof:
        threading.Thread(target=_await_eof, args=(loop, stop), name="stdin", daemon=True).start()

    async def shut_down() -> None:
        await stop.wait()
        log.info("stopping")
        health.draining = True
        changes.announce()
        await asyncio.sleep(settings.drain_delay)
        server.should_exit = True

    stopping = asyncio.create_task(shut_down())
    try:
        await server.serve()
    finally:
        stopping.cancel()


def _await_eof(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    with contextlib.suppress(OSError, ValueError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(stop.set)


def _keep_private() -> None:
    """No other user of the machine can read the files of the store."""
    os.umask(0o077)


def run(settings: Settings) -> None:
    """Runs until SIGTERM, SIGINT, or the end of standard input."""
    authenticator = Authenticator(settings)
    if not authenticator.is_enabled:
        log.warning("authentication is disabled: every caller may do anything")
    store = Store(settings)
    log.info("starting", **logs.fields(service=NAME))
    store.prepare()
    spans, health, changes, heartbeat = Spans(settings.otlp_endpoint), http.Health(), http.Changes(), Heartbeat()
    processor = Processor(settings, store, spans, changes.announce, heartbeat.beat)
    kafka = Kafka(settings, store, processor, heartbeat)
    health.checks = {"store": store.ping, "broker": kafka.ready}
    health.stale = heartbeat.stale
    kafka.start()
    service = http.app(settings, store, authenticator, spans, health, changes, kafka.status)
    deadline = None
    try:
        asyncio.run(_serve(settings, service, health, changes))
    finally:
        deadline = time.monotonic() + max(1.0, settings.shutdown_grace * 0.2)
        kafka.stop(deadline - time.monotonic())
        spans.flush()


def main() -> int:
    """The exit code of the process."""
    try:
        settings = Settings.read(os.environ)
        if "--probe" in sys.argv[1:]:
            return _probe(settings)
        _keep_private()
        logs.start(settings)
        run(settings)
        return 0
    except SettingsError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
