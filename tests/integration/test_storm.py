"""Many environments connect at once, and the broker lets in so many new connections a second, as MSK with IAM does.

The broker, the connections and their bytes are real. The clock of the backoff, and that of the door's seconds, is the
test's own: what is counted are tries, whatever the machine takes for them.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.settings import Settings
from firstcome.stream import backoff as backoff_module
from firstcome.stream import brokers as brokers_module
from firstcome.stream.connect import kafka_config
from firstcome.stream.producer import Sent, Stream
from tests.doors import Door
from tests.integration.test_stream import streams, ticket
from tests.integration.test_stream_brokers import topic
from tests.waits import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["streams", "topic"]

ENVIRONMENTS = 200
LIMIT = 10  # of the door, a second: all of them would need twenty seconds in single file
THREADS = 16  # that really send at once
STEP_S = 0.25
END_S = 600.0
BASE_S = Settings().kafka_backoff_base_ms / 2 / 1000  # the certain half of the first wait
CAP_S = Settings().kafka_backoff_cap_ms / 2 / 1000  # … and of the longest one


class Clock:
    """Stands still until it is told the time; it is the `time` of a module."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of every backoff and breaker."""
    clock = Clock()
    monkeypatch.setattr(backoff_module, "time", clock)
    return clock


@pytest.fixture
def door(kafka_bootstrap: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A door before the broker. It asks for a password, which costs a crowd less than tokens and TLS do."""

    def config(settings: Settings) -> dict[str, Any]:
        sasl = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}
        return kafka_config(settings) | sasl | {"sasl_plain_username": "u", "sasl_plain_password": "p"}

    monkeypatch.setattr(brokers_module, "kafka_config", config)
    with Door.to(kafka_bootstrap) as door:
        door.mechanism, door.now = "PLAIN", clock.monotonic
        yield door


def tries(elapsed_s: float) -> int:
    """How often one environment may have knocked: each certain half of a wait is over before the next try."""
    waits = (min(BASE_S * 2**number, CAP_S) for number in itertools.count())
    return 1 + sum(1 for over_s in itertools.takewhile(lambda over_s: over_s <= elapsed_s, itertools.accumulate(waits)))


def test_a_storm_of_environments_calms_down(
    streams: Callable[..., Stream], door: Door, clock: Clock, topic: str
) -> None:
    """Each is refused or let in, nobody knocks more often than the backoff allows, and all get through in the end.

    While they wait, they are asked for a record four times a second.
    """
    door.limit = LIMIT
    waiting = [streams(kafka_bootstrap=door.address, kafka_topic=topic) for _ in range(ENVIRONMENTS)]
    began_s = clock.now_s
    with ThreadPoolExecutor(THREADS) as pool:
        while waiting and clock.now_s - began_s < END_S:
            sent = list(pool.map(lambda stream: stream.send(ticket(), 0, "c"), waiting))
            assert set(sent) <= {Sent.DELIVERED, Sent.REFUSED}, "a refused connection is no doubt about a record"
            waiting = [stream for stream, verdict in zip(waiting, sent, strict=True) if verdict is Sent.REFUSED]
            allowed = ENVIRONMENTS * tries(clock.now_s - began_s)
            assert len(door.knocks) <= allowed, f"{len(door.knocks)} tries after {clock.now_s - began_s} s"
            again = Counter(knock for knock in door.knocks if knock > began_s)
            assert max(again.values(), default=0) <= ENVIRONMENTS / 2, "who was refused together returns apart"
            clock.now_s += STEP_S
    assert not waiting, f"{len(waiting)} are still refused after {END_S:.0f} s and {len(door.knocks)} tries"
    assert len(door.knocks) == door.refused + ENVIRONMENTS, "one connection each"


def test_a_refused_connection_refuses_at_once(
    streams: Callable[..., Stream], door: Door, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record has not left, so REFUSED is certain, and the winner waits for none of the time that is left."""
    door.limit = 0
    stream = streams(kafka_bootstrap=door.address, kafka_topic=topic)
    waits = watch(monkeypatch)
    assert stream.send(ticket(), 0, "c") is Sent.REFUSED
    assert stream.send(ticket(), 0, "c") is Sent.REFUSED
    assert not waits.ran_out
    assert len(door.knocks) == 1, "nor is another broker, or this one once more, asked for the same record"


def test_a_refusal_is_logged_once_with_its_reason(
    streams: Callable[..., Stream], door: Door, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The broker's words say whether it was the rate or a wrong password; what is refused unasked is not logged."""
    door.limit = 0
    stream = streams(kafka_bootstrap=door.address, kafka_topic=topic)
    for _ in range(3):
        stream.send(ticket(), 0, "c")
    [record] = [record for record in caplog.records if record.message == "record not sent"]
    assert "Too many connects" in vars(record)["reason"]
    door.no, stream = "Access denied", streams(kafka_bootstrap=door.address, kafka_topic=topic)
    stream.send(ticket(), 0, "c")
    reason = vars(caplog.records[-1])["reason"]
    assert "Access denied" in reason
    assert "TooManyConnects" not in reason


def test_other_refusals_trip_the_breaker(streams: Callable[..., Stream], door: Door, clock: Clock, topic: str) -> None:
    """Who has a wrong password is no better off with a pause of a second: it is the breaker's time that passes."""
    door.limit, door.no = 0, "Access denied"
    stream = streams(kafka_bootstrap=door.address, kafka_topic=topic, kafka_breaker_ms=10_000)
    for _ in range(10):
        assert stream.send(ticket(), 0, "c") is Sent.REFUSED
        clock.now_s += 0.99
    assert len(door.knocks) == 1
    clock.now_s += 20
    stream.send(ticket(), 0, "c")
    assert len(door.knocks) == 2


def test_a_refused_connection_costs_the_others_nothing(streams: Callable[..., Stream], door: Door, topic: str) -> None:
    """One leader refuses another connection: records for the leaders that are connected are delivered as before."""
    with Door.to("{}:{}".format(*door.upstream())) as other:
        other.mechanism, other.now, other.limit = "PLAIN", door.now, 0
        stream = streams(kafka_bootstrap=door.address, kafka_topic=topic)
        assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
        stream._delivery._brokers._leaders[1] = ("127.0.0.1", other.port)
        people = Counter(stream.send(ticket(person), 0, "c") for person in "abcdefgh" * 2)
    assert set(people) == {Sent.DELIVERED, Sent.REFUSED}
    assert (len(door.knocks), len(other.knocks)) == (1, 1), "nobody connects again, neither here nor there"


def test_a_record_that_has_left_stays_unknown(streams: Callable[..., Stream], door: Door, topic: str) -> None:
    """Its connection dies with it, and the next one is refused: nobody knows whether it was written."""
    stream = streams(kafka_bootstrap=door.address, kafka_topic=topic)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    door.limit = 0
    [connection] = stream._delivery._brokers._connections.values()
    exchange = connection.exchange

    def cut(request: bytes, deadline: float) -> bytes:
        door.cut()
        return exchange(request, deadline)

    connection.exchange = cut  # type: ignore[method-assign]
    assert stream.send(ticket("b"), 0, "c") is Sent.UNKNOWN
    assert door.refused == 1


def test_a_connection_ends_the_backoff(streams: Callable[..., Stream], door: Door, clock: Clock, topic: str) -> None:
    """The next storm begins with the short wait again."""
    stream = streams(kafka_bootstrap=door.address, kafka_topic=topic)
    for _ in range(5):
        door.limit = 0
        stream._delivery.close()
        assert stream.send(ticket(), 0, "c") is Sent.REFUSED
        clock.now_s += BASE_S * 2
        door.limit = 10**9
        assert stream.send(ticket(), 0, "c") is Sent.DELIVERED


def test_breakers_that_trip_together_probe_apart(
    streams: Callable[..., Stream], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker dies, and every environment fails in the same instant: none probes early, none late, few together."""
    breaker_s = Settings().kafka_breaker_ms / 1000
    probes: list[float] = []

    def fail(*_: object) -> None:
        probes.append(clock.now_s)
        raise TimeoutError

    tripped = [streams(kafka_bootstrap="127.0.0.1:1", kafka_max_block_ms=0) for _ in range(ENVIRONMENTS)]
    for stream in tripped:
        assert stream.send(ticket(), 0, "c") is Sent.REFUSED
        monkeypatch.setattr(stream._delivery, "deliver", fail)
    began_s = clock.now_s
    while clock.now_s < began_s + 2 * breaker_s:
        clock.now_s += STEP_S
        for stream in tripped:
            stream.send(ticket(), 0, "c")
    assert len(probes) >= ENVIRONMENTS
    first = Counter(math.floor(probe - began_s) for probe in probes[:ENVIRONMENTS])
    assert min(first) >= breaker_s
    assert max(first.values()) <= ENVIRONMENTS / 2, first
