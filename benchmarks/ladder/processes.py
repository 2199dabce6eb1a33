"""The processes of the steps: those that serve people, one request at a time each, and the tutorials' consumer.

    python -m benchmarks.ladder.processes serve SOCKET
    python -m benchmarks.ladder.processes consume STEP

Any may be killed at any moment. `serve` imports every step once and answers nobody. For each `step capacity` that
arrives on its socket, with another socket, it makes a process of that step by forking, and says its id; so a process
that was killed has a successor within milliseconds. That one connects, says `READY` on its own socket, and answers each
`event_id user_id` with `YES` or `NO`, until nobody is left at the other end.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import traceback
from typing import NoReturn

from kafka import KafkaConsumer, TopicPartition

from benchmarks.ladder.steps import STEPS, Step
from firstcome.settings import Settings

READY, YES, NO = b"ready", b"yes", b"no"
LONGEST = 1_024


def make(control: socket.socket) -> None:
    """Make processes until the other end is closed."""
    importlib.import_module("functions.apply.handler")  # once, and not by each of them
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how one of them ended
    while True:
        said, descriptors, _, _ = socket.recv_fds(control, LONGEST, 1)
        if not said:
            return
        step, capacity = map(int, said.split())
        requests = socket.socket(fileno=descriptors[0])
        pid = os.fork()
        if pid == 0:
            control.close()
            serve(STEPS[step], capacity, requests)
        requests.close()
        control.send(str(pid).encode())


def serve(step: Step, capacity: int, requests: socket.socket) -> NoReturn:
    """Answer people until the other end is closed; end at once, and with the reason in the log, when the step fails."""
    try:
        apply = step.start(Settings.from_env(), capacity)
        requests.send(READY)
        while asked := requests.recv(LONGEST):
            event_id, user_id = asked.decode().split()
            requests.send(YES if apply(event_id, user_id) else NO)
    except Exception:  # noqa: BLE001  whatever it is, the crowd hears that this process is gone
        traceback.print_exc()
    os._exit(0)


def consume(step: Step) -> NoReturn:
    """Make a row of every record, and commit the offsets after each poll, as the listener of the usual framework.

    Killed at any moment, its successor goes on from the committed offsets.
    """
    settings = Settings.from_env()
    assert step.consume is not None, step
    insert = step.consume(settings)
    consumer = KafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        group_id=step.topic,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        check_crcs=False,  # as the local cloud's poller
    )
    # Without joining the group, where the place of one that was killed stays taken for 45 s.
    consumer.assign([TopicPartition(step.topic, 0)])
    while True:
        for records in consumer.poll(timeout_ms=1_000).values():
            for record in records:
                insert(*record.value.decode().split())
            consumer.commit()


if __name__ == "__main__":
    if sys.argv[1] == "consume":
        consume(STEPS[int(sys.argv[2])])
    with socket.socket(fileno=int(sys.argv[2])) as said:
        make(said)
