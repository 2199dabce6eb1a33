"""The poller keeps an event source mapping's rules, shown with a function whose every answer the test gives."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.errors import NoError

from dev.cloud import Cloud
from dev.poller import Worker
from dev.process import wait_until
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dev.servers import Servers

PARTITIONS = 2
BATCH_SIZE = 5
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  TinyFunction:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: handler.handler
      CodeUri: tiny/
      Timeout: 60
      Environment: {{Variables: {{DESK: {desk}}}}}
      Events:
        Api: {{Type: HttpApi}}
        Stream:
          Type: MSK
          Properties:
            Stream: arn:aws:kafka:eu-central-1:123456789012:cluster/tiny/1
            Topics: [{topic}]
            ConsumerGroupId: {group}
            StartingPosition: TRIM_HORIZON
            BatchSize: {batch_size}
            MaximumBatchingWindowInSeconds: 0
"""
# Every invocation reports to the test's desk and does what it is told there.
HANDLER = """
import json, os, socket

def handler(event, context):
    with socket.create_connection(("127.0.0.1", int(os.environ["DESK"]))) as desk:
        desk.sendall(json.dumps(event).encode() + b"\\n")
        if desk.recv(1) != b"y":
            raise RuntimeError("as told")
"""


@dataclass
class Invocation:
    """One invocation that waits for the test's verdict."""

    event: dict[str, Any]
    connection: socket.socket

    @property
    def records(self) -> list[dict[str, Any]]:
        """All records, of all partitions."""
        return [record for records in self.event["records"].values() for record in records]

    @property
    def values(self) -> list[str]:
        """The values, as text."""
        return [base64.b64decode(record["value"]).decode() for record in self.records]

    def end(self, *, well: bool) -> None:
        """Let it succeed or fail."""
        self.connection.sendall(b"y" if well else b"n")
        self.connection.close()


@dataclass
class Line:
    """A topic, the poller that reads it, and the desk where its invocations arrive."""

    cloud: Cloud
    bootstrap: str
    topic: str
    group: str
    desk: socket.socket

    def produce(self, *values: str, partition: int = 0, **more: Any) -> None:
        """Write records, each after the former is there."""
        producer = KafkaProducer(bootstrap_servers=self.bootstrap)
        for value in values:
            producer.send(self.topic, value.encode(), partition=partition, **more).get(PATIENCE_S)
        producer.close()

    def worker(self) -> Worker:
        """Return a worker of the poller's in this process, which commits its offsets again at each turn."""
        source = {"topic": self.topic, "group": self.group, "arn": "arn", "starting_position": "TRIM_HORIZON"}
        function = {"name": "tiny", "streams": [source | {"batch_size": BATCH_SIZE, "window_s": 0}]}
        return Worker(function, self.bootstrap, self.cloud.lambda_url, 0, commit_again_s=0)

    def invocation(self) -> Invocation:
        """Wait for the next invocation."""
        connection, _ = self.desk.accept()
        connection.settimeout(PATIENCE_S)
        with connection.makefile("rb") as lines:
            return Invocation(json.loads(lines.readline()), connection)

    def committed(self, partition: int = 0) -> int | None:
        """Return the group's offset, None where none was ever committed."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            offsets = admin.list_group_offsets([self.group])[self.group]
        finally:
            admin.close()
        return next((found.offset for at, found in offsets.items() if at.partition == partition), None)

    def make_anew(self) -> None:
        """Delete the topic, with the group's offsets, and make another of its name."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            admin.delete_topics([self.topic])
            wait_until(lambda: self.topic not in admin.list_topics(), "the topic is gone")
            admin.create_topics({self.topic: {"num_partitions": PARTITIONS, "replication_factor": 1}})
            admin.wait_for_topics([self.topic], timeout_ms=int(PATIENCE_S * 1000))
        finally:
            admin.close()

    def forget_offset(self) -> None:
        """Do what `offsets.retention.minutes` does."""
        at = TopicPartition(self.topic, 0)
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            assert admin.delete_group_offsets(self.group, [at]) == {at: NoError}
        finally:
            admin.close()


@pytest.fixture
def line(tmp_path: Path, servers: Servers, child_environment: dict[str, str]) -> Iterator[Line]:
    """A topic of its own, and its poller."""
    topic, group = f"line-{uuid.uuid4().hex}", f"group-{uuid.uuid4().hex}"
    admin = KafkaAdminClient(bootstrap_servers=servers.kafka_bootstrap)
    admin.create_topics({topic: {"num_partitions": PARTITIONS, "replication_factor": 1}})
    admin.close()
    with socket.create_server(("127.0.0.1", 0)) as desk:
        desk.settimeout(PATIENCE_S)
        (tmp_path / "tiny").mkdir()
        (tmp_path / "tiny" / "handler.py").write_text(HANDLER)
        template = tmp_path / "template.yaml"
        port = desk.getsockname()[1]
        template.write_text(TEMPLATE.format(desk=port, topic=topic, group=group, batch_size=BATCH_SIZE))
        with Cloud(tmp_path, servers=servers, template=template, environment=child_environment) as cloud:
            yield Line(cloud, servers.kafka_bootstrap, topic, group, desk)


def test_offsets_are_committed_after_success_only(line: Line, wait_until: Callable[..., None]) -> None:
    """A batch that failed comes again, from the same offset."""
    line.produce("a")
    first = line.invocation()
    line.produce("b")
    assert line.committed() is None, "committed while the invocation was under way"
    first.end(well=False)
    again = line.invocation()
    assert again.values == first.values == ["a"]
    assert line.committed() is None, "committed although the invocation failed"
    again.end(well=True)
    following = line.invocation()
    assert following.values == ["b"]
    assert line.committed() == 1
    following.end(well=True)
    wait_until(lambda: line.committed() == 2, "the last batch is committed")


def test_a_killed_poller_delivers_its_batch_again(line: Line) -> None:
    """A batch that was not committed comes again first, and none is skipped."""
    line.produce("a")
    lost = line.invocation()
    pid = line.cloud.poller.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    line.produce("b")
    seen = line.invocation()
    assert seen.values[: len(lost.values)] == lost.values == ["a"]
    lost.end(well=True)
    seen.end(well=True)
    if seen.values == ["a"]:
        seen = line.invocation()
        seen.end(well=True)
    assert seen.values[-1] == "b"


def test_an_idle_poller_commits_its_offsets_again(line: Line) -> None:
    """Kafka forgets those of a group without members: what was committed is committed again, also after a restart."""
    line.produce("a")
    line.invocation().end(well=True)
    line.cloud.poller.stop()
    worker = line.worker()
    with worker.consumer() as consumer:
        worker.run_once(consumer, threading.Event())  # it has read everything
        for _ in range(2):
            line.forget_offset()
            assert line.committed() is None
            worker.run_once(consumer, threading.Event())
            assert line.committed() == 1
    assert line.committed(1) is None, "what was never committed is not, either"


def test_no_offset_outlives_its_topic(line: Line) -> None:
    """A topic that was deleted and made anew begins at 0: an offset beyond its end would skip what comes."""
    line.produce("a")
    line.invocation().end(well=True)
    line.cloud.poller.stop()
    worker = line.worker()
    with worker.consumer() as consumer:
        worker.run_once(consumer, threading.Event())
        assert line.committed() == 1
        line.make_anew()
        worker.run_once(consumer, threading.Event())
    assert line.committed() is None


def test_a_stopped_poller_goes_on_from_where_it_was(line: Line) -> None:
    """It ends after its batch; the next start begins with the record after it."""
    line.produce("a")
    line.invocation().end(well=True)
    line.cloud.poller.stop()
    assert line.committed() == 1, "it ends after its batch"
    line.produce("b", "c")
    line.cloud.poller.start()
    following = line.invocation()
    following.end(well=True)
    assert following.values[0] == "b"


def test_a_batch_that_fails_holds_up_no_other_partition(line: Line, wait_until: Callable[..., None]) -> None:
    """Each partition is committed by itself."""
    line.produce("a", partition=0)
    held = line.invocation()
    line.produce("b", partition=1)
    other = line.invocation()
    assert other.values == ["b"]
    other.end(well=True)
    wait_until(lambda: line.committed(1) == 1, "the other partition is committed")
    assert line.committed(0) is None
    held.end(well=True)


def test_a_batch_has_the_templates_size_and_the_order(line: Line) -> None:
    """A batch has at most as many records as the template says, in the order of the partition."""
    line.cloud.poller.stop()
    values = [str(number) for number in range(2 * BATCH_SIZE + 2)]
    line.produce(*values)
    line.cloud.poller.start()
    seen: list[str] = []
    while len(seen) < len(values):
        batch = line.invocation()
        batch.end(well=True)
        assert len(batch.values) <= BATCH_SIZE
        seen += batch.values
    assert seen == values


def test_a_record_becomes_what_the_event_source_makes_of_it(line: Line) -> None:
    """The event is AWS's, field by field: headers as numbers, key and value as base64."""
    line.produce("é", partition=1, key=b"k", headers=[("h", b"\x01\xff")], timestamp_ms=1_700_000_000_123)
    arrived = line.invocation()
    arrived.end(well=True)
    assert arrived.event == {
        "eventSource": "aws:kafka",
        "eventSourceArn": "arn:aws:kafka:eu-central-1:123456789012:cluster/tiny/1",
        "bootstrapServers": line.bootstrap,
        "records": {
            f"{line.topic}-1": [
                {
                    "topic": line.topic,
                    "partition": 1,
                    "offset": 0,
                    "timestamp": 1_700_000_000_123,
                    "timestampType": "CREATE_TIME",
                    "key": "aw==",
                    "value": "w6k=",
                    "headers": [{"h": [1, 255]}],
                }
            ]
        },
    }
