"""The connection to Kafka: the consumer group, the dead letters, and the lag."""

import logging
import threading
import time

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from . import store
from .consumer import CONTEXTS, Heartbeat, Processor
from .envelope import Position, Record, rfc3339
from .logs import excerpt, fields
from .metrics import LAG, OUTBOX, OUTBOX_AGE, PUBLISHED
from .settings import NAME, Settings

log = logging.getLogger("customer.kafka")

_CHECK_EVERY = 1.0
_MEASURE_EVERY = 5.0
_PURGE_EVERY = 600.0
_TIMEOUT = 2.0


def client(settings: Settings) -> dict:
    """The settings that all clients share."""
    config = {"bootstrap.servers": settings.brokers, "reconnect.backoff.max.ms": 1000,
              "topic.metadata.refresh.interval.ms": 30_000, "socket.nagle.disable": True, "log_level": 4,
              "logger": logging.getLogger("customer.librdkafka")}
    if settings.security == "plaintext":
        return config
    config["security.protocol"] = "ssl" if settings.security == "tls" else "sasl_ssl"
    files = {"ssl.ca.location": settings.ca_file, "ssl.certificate.location": settings.cert_file,
             "ssl.key.location": settings.key_file}
    config.update({name: str(file) for name, file in files.items() if file})
    if settings.security == "sasl-tls":
        password = settings.password_file.read_text().rstrip("\r\n") if settings.password_file else ""
        config.update({"sasl.mechanism": settings.sasl_mechanism.upper(), "sasl.username": settings.username or "",
                       "sasl.password": password})
    return config


def record(message: Message) -> Record:
    """The record of a message. The library cannot read any header if the name of one is not UTF-8."""
    place = Position(message.topic(), message.partition(), message.offset())
    try:
        headers, unread = message.headers() or [], 0
    except UnicodeDecodeError:
        headers, unread = [], 1
    return Record(place, message.key(), tuple(headers), message.value(), unread)


class Kafka:
    """The thread of the consumer, and that of the upkeep."""

    def __init__(self, settings: Settings, opened: store.Store, processor: Processor, heartbeat: Heartbeat) -> None:
        self._settings, self._store, self._processor, self._heartbeat = settings, opened, processor, heartbeat
        self._stop = threading.Event()
        self._letters = threading.Event()
        self._topics = [settings.topic(context) for context in CONTEXTS]
        self._threads = [threading.Thread(target=self._run, name="consumer", daemon=True),
                         threading.Thread(target=self._keep_up, name="upkeep", daemon=True)]
        self._lock = threading.Lock()
        self._member: tuple[str, Consumer] | None = None
        self._probe: tuple[str, Consumer] | None = None
        self._topics_exist = False
        self._rejection: str | None = None
        self._accepted = False

    def start(self) -> None:
        """Starts to consume."""
        for thread in self._threads:
            thread.start()

    def stop(self, within: float) -> None:
        """Finishes the batch in progress, commits its offsets and leaves the group."""
        self._stop.set()
        self._letters.set()
        deadline = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def ready(self) -> None:
        """Fails if the broker does not respond, or has rejected this process since its start."""
        if self._rejection and not self._accepted:
            raise ConnectionError(self._rejection)
        with self._lock:
            probe = self._probe
        if probe is None:
            raise ConnectionError("not connected yet")
        try:
            probe[1].list_topics(timeout=0.8)
        except KafkaException as error:
            raise ConnectionError(error.args[0].str()) from None

    def status(self) -> dict | None:
        """The state of the consumer; `None` while the broker does not respond."""
        with self._lock:
            member, probe = self._member, self._probe
        if member is None or probe is None:
            return None
        try:
            return {"group": member[0], "lag": self._lag(probe[1]), "partitions": len(member[1].assignment())}
        except (KafkaException, RuntimeError):
            return None

    def _lag(self, probe: Consumer) -> int:
        partitions = []
        for topic in self._topics:
            found = probe.list_topics(topic, timeout=_TIMEOUT).topics[topic]
            partitions += [TopicPartition(topic, number) for number in found.partitions]
        ends = [self._positions(probe, partitions, at) for at in (OFFSET_BEGINNING, OFFSET_END)]
        lag = 0
        for committed in probe.committed(partitions, timeout=_TIMEOUT):
            first, end = (found.get((committed.topic, committed.partition), 0) for found in ends)
            lag += max(0, end - max(first, committed.offset))
        return lag

    @staticmethod
    def _positions(probe: Consumer, partitions: list, at: int) -> dict:
        """The first or the next offsets, in one request: in a request for times these two mean the beginning and the end."""
        wanted = [TopicPartition(one.topic, one.partition, at) for one in partitions]
        found = probe.offsets_for_times(wanted, timeout=_TIMEOUT)
        return {(one.topic, one.partition): max(0, one.offset) for one in found}

    def _on_error(self, error: KafkaError) -> None:
        reason = error.str()
        named = (KafkaError._SSL, KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED)
        if error.code() in named or "SSL" in reason or "security.protocol" in reason:
            self._rejection = excerpt(reason)
        log.debug("the client of the broker reports an error", **fields(error=excerpt(reason)))

    def _create_topics(self) -> None:
        """Creates the topics that do not exist. Events are kept for ever: a rebuild needs all of them."""
        if self._topics_exist:
            return
        names = {*self._topics, self._settings.topic(NAME), self._settings.dead_letter_topic}
        new = [NewTopic(name, self._settings.partitions, self._settings.replication, config={"retention.ms": "-1"})
               for name in sorted(names)]
        admin = AdminClient({**client(self._settings), "error_cb": self._on_error})
        for result in admin.create_topics(new, operation_timeout=10, request_timeout=10).values():
            try:
                result.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
        self._accepted = self._topics_exist = True

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._create_topics()
                self._consume()
            except Exception as error:
                log.warning("the consumer joins its group again", **fields(error=excerpt(str(error)), kind=type(error).__name__))
                self._stop.wait(0.5)
            self._heartbeat.beat()

    def _consume(self) -> None:
        """Consumes as a member of the group of the current generation, until that changes."""
        generation = self._store.ensure_generation()
        group = f"{self._settings.fleet}.{NAME}.{generation}"
        consumer = Consumer({
            **client(self._settings), "group.id": group, "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "range", "session.timeout.ms": int(self._settings.session * 1000),
            "heartbeat.interval.ms": max(1, int(self._settings.session * 250)), "enable.auto.offset.store": False,
            "enable.auto.commit": True, "auto.commit.interval.ms": int(self._settings.commit_every * 1000),
            "queued.max.messages.kbytes": 8192, "fetch.message.max.bytes": 1_048_576, "error_cb": self._on_error,
        })
        probe = Consumer({**client(self._settings), "group.id": group, "error_cb": self._on_error})
        try:
            consumer.subscribe(self._topics)
            with self._lock:
                self._member, self._probe = (group, consumer), (group, probe)
            log.info("consuming", **fields(group=group))
            self._consume_as(consumer, generation)
        finally:
            with self._lock:
                self._member = self._probe = None
            consumer.close()
            probe.close()

    def _consume_as(self, consumer: Consumer, generation: str) -> None:
        next_check, records = time.monotonic() + _CHECK_EVERY, []
        while not self._stop.is_set():
            self._heartbeat.beat()
            if time.monotonic() >= next_check:
                if not self._is_current(generation, bool(records)):
                    return
                next_check = time.monotonic() + _CHECK_EVERY
            self._fetch(consumer, records)
            outcome, done = self._processor.process_some(records) if records else (None, 0)
            for place, offset in _next_offsets(records[:done]).items():
                try:
                    consumer.store_offsets(offsets=[TopicPartition(*place, offset)])
                except KafkaException:
                    # Revoked in the meantime: its new owner consumes the batch again and finds it in the inbox.
                    log.debug("the offset was not stored", **fields(partition=place))
            del records[:done]
            if outcome and outcome.dead:
                self._letters.set()

    def _is_current(self, generation: str, busy: bool) -> bool:
        """Counts as true while the store is away and events are pending: the consumer keeps them and its membership."""
        try:
            return self._store.current_generation() == generation
        except store.SQLAlchemyError as error:
            if busy and store.is_transient(error):
                return True
            raise

    def _fetch(self, consumer: Consumer, records: list[Record]) -> None:
        """Adds new records. Polls at least once, or the broker would remove the consumer from its group."""
        room = max(1, self._settings.batch - len(records))
        first = consumer.poll(0.0 if records else 0.25)
        if first is None:
            return
        found = [first, *(consumer.consume(room - 1, timeout=self._settings.linger) if room > 1 else [])]
        for message in found:
            error = message.error()
            if error is None:
                records.append(record(message))
            elif error.fatal() or error.code() in (KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART):
                # A new member has fresh metadata, and this one would refresh its own after half a minute.
                if records:
                    return
                raise KafkaException(error)
            else:
                log.warning("the broker delivers no records", **fields(error=excerpt(error.str())))

    def _keep_up(self) -> None:
        """Publishes dead letters, measures, and purges the inbox."""
        producer, next_measure, next_purge = None, 0.0, time.monotonic() + _PURGE_EVERY
        while True:
            stopping = self._stop.is_set()
            try:
                producer = producer or self._producer()
                self._publish(producer)
                if time.monotonic() >= next_measure:
                    self._measure()
                    next_measure = time.monotonic() + _MEASURE_EVERY
                if time.monotonic() >= next_purge:
                    self._store.purge(int((time.time() - self._settings.inbox_retention) * 1_000_000))
                    next_purge = time.monotonic() + _PURGE_EVERY
            except Exception as error:
                shown = excerpt(str(getattr(error, "orig", None) or error))
                log.warning("dead letters stay in the outbox", **fields(error=shown))
                if not stopping:
                    self._stop.wait(0.25)
            if stopping:
                return
            self._letters.wait(1.0)
            self._letters.clear()

    def _producer(self) -> Producer:
        return Producer({**client(self._settings), "acks": "all", "enable.idempotence": True, "message.timeout.ms": 10_000,
                         "message.max.bytes": self._settings.message_bytes, "error_cb": self._on_error})

    def _publish(self, producer: Producer) -> None:
        """Sends the oldest dead letters and removes those that the broker has acknowledged.

        Two replicas may send one letter twice. Letters are identified by the position of their record.
        """
        while waiting := self._store.letters(100):
            done, errors = [], []
            for row in waiting:
                producer.produce(row.topic, key=row.subject, value=row.data, headers=self._headers(row),
                                 on_delivery=lambda error, _, seq=row.seq: (errors if error else done).append(error or seq))
            producer.flush(11)
            if done:
                self._store.published(done)
                PUBLISHED.inc(len(done))
            if errors or not done:
                raise ConnectionError(errors[0].str() if errors else "the broker does not answer")

    def _headers(self, row) -> list:
        source = f"/{self._settings.fleet}/{NAME}"
        return [("ce_specversion", "1.0"), ("ce_id", row.event_id), ("ce_source", source), ("ce_type", row.kind),
                ("ce_subject", row.subject), ("ce_time", rfc3339(row.happened_at)), ("content-type", "application/json")]

    def _measure(self) -> None:
        count, oldest = self._store.waiting()
        OUTBOX.set(count)
        OUTBOX_AGE.set(max(0.0, time.time() - oldest / 1_000_000) if oldest else 0.0)
        status = self.status()
        if status is not None:
            LAG.set(status["lag"])


def _next_offsets(records: list[Record]) -> dict[tuple[str, int], int]:
    """The next offset to consume of each partition, once these records are processed."""
    following: dict[tuple[str, int], int] = {}
    for one in records:
        place = one.place.topic, one.place.partition
        following[place] = max(following.get(place, 0), one.place.offset + 1)
    return following
