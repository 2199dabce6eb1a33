"""The event source mapping: Kafka records become `aws:kafka` events, and offsets are committed only after success.

    python -m dev.poller FUNCTIONS_JSON BOOTSTRAP LAMBDA_URL

A batch that fails is tried again until it succeeds, never skipped; the partitions of the other workers go on. Nothing
is kept here: killed at any moment, its successor goes on from the committed offsets.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from dev.invoke import InvocationError, Lambda

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafka.consumer.fetcher import ConsumerRecord

# Lambda starts with one consumer a topic and scales out to one a partition; two keep two cores busy, and let two
# batches meet in the ledger.
WORKERS = 2

_PAYLOAD_LIMIT = 6 * 1024 * 1024  # of a synchronous invocation
_RECORD_FRAME = 300  # what the event says about a record beside key, value and headers
FETCH_BYTES = 65_536  # some hundred records
FETCH_WAIT_MS = 200
_RECONNECT_MS = 1_000
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
# Kafka forgets the offsets of a group without members some time after their last commit: 7 days by default, and a
# minute at least. Nothing is committed while nobody applies, so what stands is committed again.
COMMIT_AGAIN_S = 30.0
_TIMESTAMP_TYPES = {0: "CREATE_TIME", 1: "LOG_APPEND_TIME"}
_START = {"TRIM_HORIZON": "earliest", "LATEST": "latest"}


class Worker:
    """Some of the partitions, read, invoked with and committed in turn."""

    def __init__(
        self,
        function: dict[str, Any],
        bootstrap: str,
        lambda_url: str,
        number: int,
        *,
        commit_again_s: float = COMMIT_AGAIN_S,
    ) -> None:
        """Prepare to serve the partitions whose number is `number` modulo WORKERS; connects to nothing yet."""
        self._function: str = function["name"]
        self._source: dict[str, Any] = function["streams"][0]
        self._bootstrap = bootstrap
        self._lambda = Lambda(lambda_url)
        self._number = number
        self._left: list[ConsumerRecord] = []  # read, but over the limit of the last batch
        self._committed: dict[TopicPartition, int] = {}
        self._commit_again_s = commit_again_s
        self._commit_again_at = 0.0  # monotonic

    def run(self, ended: threading.Event) -> None:
        """Work until `ended`; whatever happens to Kafka, begin anew from the committed offsets after a pause."""
        pause_s = _FIRST_PAUSE_S
        while not ended.is_set():
            try:
                with self.consumer() as consumer:
                    while not ended.is_set():
                        self.run_once(consumer, ended)
                        pause_s = _FIRST_PAUSE_S
            except (KafkaError, OSError) as error:
                print(f"kafka: {error!r}, again in {pause_s:g} s")
                ended.wait(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def run_once(self, consumer: KafkaConsumer, ended: threading.Event) -> None:
        """Carry one batch from Kafka to the function and commit it; return at once when there is no record."""
        batch = self._gather(consumer)
        if batch:
            payload = json.dumps(event(batch, self._source["arn"], self._bootstrap), separators=(",", ":")).encode()
            if not _until_done(lambda: self._lambda.invoke(self._function, payload), ended):
                return
            # In the order of their offsets: the last one of a partition counts.
            done = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in batch}
            self._commit(consumer, done)
            self._committed |= done
        if time.monotonic() >= self._commit_again_at:
            # An offset beyond the end is of a topic that was deleted: the one that was made anew begins at 0.
            ends = consumer.end_offsets(list(self._committed))
            self._committed = {at: offset for at, offset in self._committed.items() if offset <= ends.get(at, 0)}
            self._commit(consumer, self._committed)
            self._commit_again_at = time.monotonic() + self._commit_again_s

    @staticmethod
    def _commit(consumer: KafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        if offsets:
            consumer.commit({at: OffsetAndMetadata(offset) for at, offset in offsets.items()})

    def consumer(self) -> KafkaConsumer:
        """Return a consumer of this worker's partitions, which commits in the group's name without joining it.

        There is nobody to share with, and a member that was killed would keep its partitions for a while.
        """
        self._left = []
        consumer = KafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id=f"poller-{self._number}",
            group_id=self._source["group"],
            enable_auto_commit=False,
            auto_offset_reset=_START[self._source["starting_position"]],
            max_poll_records=self._source["batch_size"],
            # Under a trickle of records the broker gathers them: answering each by itself takes half of its time.
            fetch_min_bytes=FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            # A broker that was away is asked every second: by default the pauses grow to 30 s.
            reconnect_backoff_max_ms=_RECONNECT_MS,
            check_crcs=False,  # in Python it costs more than all the rest, and loopback does not garble
            allow_auto_create_topics=False,
        )
        numbers = consumer.partitions_for_topic(self._source["topic"]) or set()
        if not numbers:
            consumer.close()
            message = f"there is no topic {self._source['topic']} yet"
            raise OSError(message)
        mine = [number for number in sorted(numbers) if number % WORKERS == self._number]
        partitions = [TopicPartition(self._source["topic"], number) for number in mine]
        consumer.assign(partitions)
        found = {at: consumer.committed(at) for at in partitions}
        self._committed = {at: offset for at, offset in found.items() if offset is not None}
        self._commit_again_at = 0.0  # the cloud may have been down for days
        return consumer

    def _gather(self, consumer: KafkaConsumer) -> list[ConsumerRecord]:
        """Return a batch: full, or at the payload's limit, or as large as it was when the window closed."""
        batch, self._left = self._left, []
        full, window_s = self._source["batch_size"], self._source["window_s"]
        closes = time.monotonic() + window_s if batch else None
        while len(batch) < full and sum(map(_size, batch)) < _PAYLOAD_LIMIT:
            left_s = 0.5 if closes is None else closes - time.monotonic()
            if left_s < 0:
                break
            polled = consumer.poll(timeout_ms=int(left_s * 1000), max_records=full - len(batch))
            for records in polled.values():
                batch += records
            if closes is None:
                if not batch:
                    break
                closes = time.monotonic() + window_s
        return self._cut(batch)

    def _cut(self, batch: list[ConsumerRecord]) -> list[ConsumerRecord]:
        """Keep what one invocation carries, at least one record, and leave the rest for the next."""
        size = 0
        for count, record in enumerate(batch):
            size += _size(record)
            if size > _PAYLOAD_LIMIT and count:
                self._left = batch[count:]
                return batch[:count]
        return batch


def event(batch: list[ConsumerRecord], arn: str, bootstrap: str) -> dict[str, Any]:
    """Return the event that Lambda makes of these records."""
    records: dict[str, list[dict[str, Any]]] = {}
    for record in batch:
        made: dict[str, Any] = {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp": record.timestamp,
            "timestampType": _TIMESTAMP_TYPES.get(record.timestamp_type, "NO_TIMESTAMP_TYPE"),
        }
        if record.key is not None:
            made["key"] = base64.b64encode(record.key).decode()
        if record.value is not None:
            made["value"] = base64.b64encode(record.value).decode()
        made["headers"] = [{name: list(value or b"")} for name, value in record.headers]
        records.setdefault(f"{record.topic}-{record.partition}", []).append(made)
    return {"eventSource": "aws:kafka", "eventSourceArn": arn, "bootstrapServers": bootstrap, "records": records}


def _size(record: ConsumerRecord) -> int:
    """Return about how many bytes of the event this record takes, a little too many."""
    headers = sum(len(name) + 5 * len(value or b"") for name, value in record.headers)
    return _RECORD_FRAME + (len(record.key or b"") + len(record.value or b"")) * 4 // 3 + headers


def _until_done(invoke: Callable[[], object], ended: threading.Event) -> bool:
    """Invoke until it succeeds; answer False when `ended` came first."""
    pause_s = _FIRST_PAUSE_S
    while not ended.is_set():
        try:
            invoke()
        except InvocationError as error:
            print(f"{error}, again in {pause_s:g} s")
            ended.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        else:
            return True
    return False


def main() -> None:
    """Run the workers of the function with an event source until SIGTERM; end at once when one of them cannot go on."""
    functions, bootstrap, lambda_url = sys.argv[1:]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a killed process keeps its log
    function = next(found for found in json.loads(Path(functions).read_text()) if found["streams"])
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())

    def work(number: int) -> None:
        try:
            Worker(function, bootstrap, lambda_url, number).run(ended)
        finally:
            if not ended.is_set():  # a bug: half a poller is worse than none, the starter brings a new one
                os.kill(os.getpid(), signal.SIGKILL)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
