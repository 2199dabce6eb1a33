"""functions/consume: an `aws:kafka` batch in, coupon rows and failed rows out."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstcome.rules import BadInput, Reason, Unavailable
from firstcome.stream.record import encode
from tests.world import msk_event

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from tests.world import World


@pytest.fixture
def environment(world: World, load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A fresh execution environment of the function, over this world's servers."""
    servers = world.stores.settings
    monkeypatch.setenv("FIRSTCOME_REDIS_URL", servers.redis_url)
    monkeypatch.setenv("FIRSTCOME_MYSQL_URL", servers.mysql_url)
    monkeypatch.setenv("FIRSTCOME_KAFKA_TOPIC", servers.kafka_topic)
    return load_handler("consume")


@pytest.fixture
def consume(environment: ModuleType) -> Callable[[dict[str, Any]], dict[str, int]]:
    """Its handler."""
    return lambda event: environment.handler(event, None)


def value(event_id: str, user_id: str, ticket: object, **changed: object) -> bytes:
    fields = {"v": 1, "event_id": event_id, "user_id": user_id, "ticket": ticket, "restore_epoch": 1}
    return json.dumps({**fields, "applied_at": "2026-01-01T00:00:00.000Z", **changed}).encode()


def test_a_good_batch_becomes_rows_and_is_settled(world: World, consume: Callable[..., Any]) -> None:
    """Every record has its row; nobody is pending."""
    tickets = [world.apply(name) for name in ("alice", "bob", "carol")]
    answer = consume(msk_event(world.event_id, [encode(ticket, 1) for ticket in tickets]))
    assert answer == {"records": 3, "issued": 3, "failed": 0}
    assert world.holders() == {"alice": 1, "bob": 2, "carol": 3}
    assert world.pending() == set()


@pytest.mark.parametrize(
    ("headers", "logged"),
    [
        ([{"correlation_id": list(b"JKJaXmPLvHcESHA=")}], "JKJaXmPLvHcESHA="),
        ([{"other": [1]}, {"correlation_id": list(b"order-4711")}], "order-4711"),
        ([{"correlation_id": list(b'x", "level": "ERROR')}], ""),
        ([{"correlation_id": [120, 10, 120]}], ""),
        ([{"correlation_id": [-61, -92]}], ""),
        ([{"correlation_id": [120] * 129}], ""),
        ([{"correlation_id": []}], ""),
        ([{"correlation_id": None}], ""),
        ([{"correlation_id": "abc"}], ""),
        ([{"correlation_id": ["a"]}], ""),
        ([{"correlation_id": [120, None]}], ""),
        ([{"correlation_id": [120, 1_000]}], ""),
        ([{"correlation_id": [True]}], ""),
        ([{"correlation_id": 10**12}], ""),
        ([{"correlation_id": {"0": 120}}], ""),
        (["x", None, 7, [], {"correlation_id": [120]}], "x"),
        ([None], ""),
        ([], ""),
        (None, ""),
        ("x", ""),
        (7, ""),
        ({"correlation_id": [120]}, ""),
    ],
)
def test_a_strange_header_is_kept_out_of_the_log(
    world: World, consume: Callable[..., Any], caplog: pytest.LogCaptureFixture, headers: Any, logged: str
) -> None:
    """The row is there; of the header, only what a correlation id looks like is logged."""
    alice = world.apply("alice")
    event = msk_event(world.event_id, [encode(alice, 1)])
    for records in event["records"].values():
        records[0]["headers"] = headers
    assert consume(event)["issued"] == 1
    [batch] = [record.__dict__ for record in caplog.records if record.msg == "batch"]
    assert batch["tickets"] == {world.event_id: {1: logged}}


def test_bad_records_cost_no_good_neighbour(world: World, consume: Callable[..., Any]) -> None:
    """Each kind of bad record is a failed row with its reason, its raw payload and its place; the good are rows."""
    topic = world.event_id
    alice = world.apply("alice")
    bad: list[tuple[bytes | None, Reason]] = [
        (None, Reason.NO_VALUE),
        (b"{", Reason.NOT_JSON),
        (b"\xff\xfe", Reason.NOT_JSON),
        (b"[]", Reason.NOT_JSON),
        (value(topic, "u1", 1, v=2), Reason.UNKNOWN_VERSION),
        (json.dumps({"v": 1, "event_id": topic}).encode(), Reason.BAD_FIELD),
        (value(topic, "u2", "1"), Reason.BAD_FIELD),
        (value(topic, "u3", True), Reason.BAD_FIELD),
        (value(topic, "u4", 1.5), Reason.BAD_FIELD),
        (value(topic, "x" * 256, 2), Reason.BAD_FIELD),
        (value("y" * 65, "u5", 2), Reason.BAD_FIELD),
        (value("no-such-event", "u6", 1), Reason.UNKNOWN_EVENT),
        (value(topic, "u7", 4), Reason.TICKET_OUT_OF_RANGE),
        (value(topic, "u8", 0), Reason.BAD_FIELD),
        (value(topic, "u9", 1), Reason.TICKET_TAKEN),
    ]
    event = msk_event(topic, [encode(alice, 1), *(record for record, _ in bad), encode(alice, 1)])
    event["records"][f"{topic}-0"][2]["value"] = "not base64!"
    bad[1] = (b"not base64!", Reason.NOT_BASE64)
    event["records"]["other-0"] = msk_event("other", [encode(alice, 1)])["records"]["other-0"]
    answer = consume(event)
    assert answer == {"records": len(bad) + 3, "issued": 1, "failed": len(bad) + 1}
    assert world.holders() == {"alice": 1}
    rows = world.stores.ledger.list_failed(None, None, 100)
    found = {(row.source.topic, row.source.offset): (row.payload, row.reason) for row in rows if row.source is not None}
    expected = {(topic, number): (record or b"", reason) for number, (record, reason) in enumerate(bad, start=1)}
    assert found == expected | {("other", 0): (encode(alice, 1), Reason.WRONG_TOPIC)}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ENVELOPE = ("topic", "partition", "offset", "timestamp", "key", "value", "headers")
FIELDS = ("v", "event_id", "user_id", "ticket", "applied_at", "restore_epoch")
garbage = st.binary(max_size=300) | st.builds(
    lambda changed: json.dumps({"v": 1, "ticket": 1, "restore_epoch": 1, **changed}).encode(),
    st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=6),
)


NO_NUMBERS: list[Any] = [..., None, "0", -1, 2**63, True, 0.5, [0], {}]
NO_KEYS: list[Any] = [..., None, "not base64!", 7, []]
NO_TOPICS: list[Any] = [..., None, 7, [], "", "x" * 300, "\ud800"]
NO_VALUES: list[Any] = [..., None]
NO_BASE64: list[Any] = [7, True, [118], {}, "\ud800", "ü", "===="]
NO_RECORDS: list[Any] = [None, 7, "x", [], "\ud800"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        *((name, wrong) for name in ("partition", "offset", "timestamp") for wrong in NO_NUMBERS),
        *(("key", wrong) for wrong in NO_KEYS),
        *(("timestampType", wrong) for wrong in NO_KEYS),
    ],
)
def test_a_good_value_in_a_damaged_record_becomes_a_row(
    world: World, consume: Callable[..., Any], field: str, wrong: Any
) -> None:
    """Where it stood may be said wrongly or not at all: the person has the row, and the neighbours have theirs."""
    event = msk_event(world.event_id, [encode(world.apply(name), 1) for name in ("alice", "bob", "carol")])
    _damage(event, 1, field, wrong)
    assert consume(event) == {"records": 3, "issued": 3, "failed": 0}


@pytest.mark.parametrize(
    ("field", "wrong", "reason"),
    [
        *(("topic", wrong, Reason.WRONG_TOPIC) for wrong in NO_TOPICS),
        *(("value", wrong, Reason.NO_VALUE) for wrong in NO_VALUES),
        *(("value", wrong, Reason.NOT_BASE64) for wrong in NO_BASE64),
        *((None, wrong, Reason.BAD_FIELD) for wrong in NO_RECORDS),
    ],
)
def test_a_damaged_record_is_one_failed_row(
    world: World, consume: Callable[..., Any], field: str | None, wrong: Any, reason: Reason
) -> None:
    """Of whatever type its parts are, or the record itself: the operator sees it, and the neighbours have rows."""
    event = msk_event(world.event_id, [encode(world.apply(name), 1) for name in ("alice", "bob", "carol")])
    _damage(event, 1, field, wrong)
    assert consume(event) == {"records": 3, "issued": 2, "failed": 1}
    [row] = world.stores.ledger.list_failed(None, None, 10)
    assert row.reason == reason


def test_a_partition_that_is_no_list_is_one_failed_row(world: World, consume: Callable[..., Any]) -> None:
    """The other partitions of the batch are committed."""
    event = msk_event(world.event_id, [encode(world.apply("alice"), 1)])
    event["records"][f"{world.event_id}-1"] = {"topic": world.event_id}
    assert consume(event) == {"records": 2, "issued": 1, "failed": 1}


def _damage(event: dict[str, Any], number: int, field: str | None, wrong: Any) -> None:
    """Put something else in place of one field of a record, or of the record; `...` takes it away."""
    [records] = event["records"].values()
    if field is None:
        records[number] = wrong
    elif wrong is ...:
        del records[number][field]
    else:
        records[number][field] = wrong


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(garbage, max_size=5), after=st.lists(garbage, max_size=5))
def test_whatever_stands_beside_a_good_record_it_becomes_a_row(
    world: World, consume: Callable[..., Any], before: list[bytes], after: list[bytes]
) -> None:
    """No bytes of another producer fail the batch, or cost a person the coupon."""
    user_id = f"user-{uuid.uuid4().hex}"
    world.operate("raise_capacity", capacity=len(world.holders()) + 4)
    start = len(world.holders()) * 1_000  # a place in the stream of its own
    values = [*before, encode(world.apply(user_id), 1), *after]
    answer = consume(msk_event(world.event_id, values, start=start))
    assert answer == {"records": len(values), "issued": 1, "failed": len(values) - 1}
    assert user_id in world.holders()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=st.dictionaries(st.sampled_from(ENVELOPE), json_values, max_size=7), other=json_values)
def test_whatever_a_record_is_its_neighbour_becomes_a_row(
    world: World, consume: Callable[..., Any], damage: dict[str, Any], other: Any
) -> None:
    """No type of any part of a record, or of the record, fails the batch."""
    user_id = f"user-{uuid.uuid4().hex}"
    world.operate("raise_capacity", capacity=len(world.holders()) + 4)
    event = msk_event(world.event_id, [b"{}", encode(world.apply(user_id), 1)], start=len(world.holders()) * 1_000)
    [records] = event["records"].values()
    records[0] |= damage
    assert consume(event | {"records": {"a": records, "b": [other]}})["records"] == 3
    assert user_id in world.holders()


def test_a_batch_that_comes_again_changes_nothing(world: World, consume: Callable[..., Any]) -> None:
    """Rows and failed rows alike are there once."""
    event = msk_event(world.event_id, [encode(world.apply("alice"), 1), b"{"])
    assert consume(event) == {"records": 2, "issued": 1, "failed": 1}
    assert consume(event) == {"records": 2, "issued": 0, "failed": 0}


def test_a_batch_of_many_events_is_settled_in_each(world: World, consume: Callable[..., Any]) -> None:
    """Records of two events in one batch settle in two gates."""
    other = type(world)(world.stores, f"{world.event_id[:40]}-2")
    other.open()
    tickets = [world.apply("alice"), other.apply("alice")]
    assert consume(msk_event(world.event_id, [encode(ticket, 1) for ticket in tickets]))["issued"] == 2
    assert world.pending() == other.pending() == set()


def test_a_batch_fails_whole_while_the_ledger_is_away(
    world: World, load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handler raises, so the offset stays; bad records wait with the good ones."""
    monkeypatch.setenv("FIRSTCOME_REDIS_URL", world.stores.settings.redis_url)
    monkeypatch.setenv("FIRSTCOME_MYSQL_URL", "mysql://root@127.0.0.1:9/none")
    monkeypatch.setenv("FIRSTCOME_KAFKA_TOPIC", world.event_id)
    event = msk_event(world.event_id, [encode(world.apply("alice"), 1), b"{"])
    with pytest.raises(Unavailable):
        load_handler("consume").handler(event, None)
    assert world.pending() == {"alice"}


def test_the_number_of_statements_does_not_grow_with_the_batch(
    world: World, environment: ModuleType, consume: Callable[..., Any]
) -> None:
    """A batch of 200 costs the ledger as many statements, and the gate as many calls, as one of 2."""
    world.operate("raise_capacity", capacity=500)
    consume(msk_event(world.event_id, [encode(world.apply("first"), 1)]))  # connects

    def cost(people: list[str]) -> tuple[int, int]:
        tickets = [world.apply(name) for name in people]
        before = _calls(environment)
        assert consume(msk_event(world.event_id, [encode(one, 1) for one in tickets]))["issued"] == len(people)
        after = _calls(environment)
        return after[0] - before[0], after[1] - before[1]

    assert cost(["a", "b"]) == cost([f"user-{number}" for number in range(200)])


def _calls(environment: ModuleType) -> tuple[int, int]:
    """Return how many statements this environment's own connection has sent, and how many scripts its Redis has run."""

    def questions(connection: Any) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SHOW SESSION STATUS LIKE 'Questions'")
            return int(cursor.fetchone()[1])

    stats = environment.gate.redis.info("commandstats")
    return environment.ledger.read(questions), int(stats["cmdstat_evalsha"]["calls"])


def test_any_other_event_is_refused_with_the_right_shape(consume: Callable[..., Any]) -> None:
    """A mistaken invocation is told what to send."""
    mistakes: list[Any] = [{"hello": "world"}, {"records": []}, [], "x", None]
    for mistaken in mistakes:
        with pytest.raises(BadInput, match="aws:kafka"):
            consume(mistaken)
