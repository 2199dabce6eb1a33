"""An answer is bounded in bytes, not only in rows: Lambda answers 6,291,556 bytes at most."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.ledger.failed_events import Failure
from firstcome.operate.actions import ACTIONS, act
from firstcome.operate.bounded import ANSWER_MAX_BYTES, EVENTS_SHOWN, bounded, counted
from firstcome.operate.listing import PAYLOAD_SHOWN_BYTES
from firstcome.operate.who import Who
from firstcome.rules import ActorKind, Reason

if TYPE_CHECKING:
    from tests.world import World

LAMBDA_MAX_BYTES = 6_291_556
PIECE = 50  # failures of one transaction: their payloads must fit into one packet


def fail(world: World, *payloads: bytes, detail: str = "a record of somebody else's") -> None:
    """Store a failed row for each payload."""
    failures = [Failure(Reason.NOT_JSON, detail, payload, event_id=world.event_id) for payload in payloads]
    for start in range(0, len(failures), PIECE):
        world.stores.ledger.write([], failures[start : start + PIECE])


def size(answer: dict[str, Any]) -> int:
    """Return how long the answer is as JSON in its longest form."""
    assert len(json.dumps(answer)) < ANSWER_MAX_BYTES < LAMBDA_MAX_BYTES
    return len(json.dumps(answer))


@pytest.mark.parametrize(
    ("rows", "payload", "limit"),
    [
        (100, b"x" * 65_000, 100),
        (1_000, b"y" * 6_300, 1_000),
        (100, bytes(range(256)) * 250, 100),  # binary ones grow when they are escaped
        (100, "\N{ROCKET}".encode() * 16_000, 100),
        (1_000, b"\0" * PAYLOAD_SHOWN_BYTES, 1_000),
    ],
    ids=["long", "many", "binary", "not ASCII", "cut, and still too much"],
)
def test_failed_rows_can_be_listed_whatever_they_hold(world: World, rows: int, payload: bytes, limit: int) -> None:
    """Payloads are cut, with their length; by the cursor every row is seen once."""
    fail(world, *[payload] * rows, detail="\N{ROCKET}" * 1_000)
    seen: list[dict[str, Any]] = []
    after: dict[str, int] = {}
    while True:
        page = world.operate("list_failed", limit=limit, **after)
        size(page)
        assert page["rows"]
        seen += page["rows"]
        if page["next"] is None:
            break
        after = {"after_id": page["next"]}
    ids = [row["id"] for row in seen]
    assert (len(ids), ids) == (rows, sorted(set(ids)))
    assert {row["payload_bytes"] for row in seen} == {len(payload)}
    assert all(payload.decode("utf-8", "replace").startswith(row["payload"]) for row in seen)


def test_a_page_ends_where_it_is_asked_to(world: World) -> None:
    """`next` is there while there are more rows, and leads to them; by event and status as without a cursor."""
    fail(world, b"1", b"2", b"3")
    first = world.operate("list_failed", limit=2)
    assert ([row["payload"] for row in first["rows"]], first["next"]) == (["1", "2"], first["rows"][1]["id"])
    last = world.operate("list_failed", limit=2, after_id=first["next"], status="waiting")
    assert ([row["payload"] for row in last["rows"]], last["next"]) == (["3"], None)
    assert world.operate("list_failed", after_id=first["next"], status="dead") == {
        "action": "list_failed",
        "rows": [],
        "next": None,
    }


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        (b"x" * 500_000, "payload"),
        ("ä".encode() * 200_000, "payload"),
        (b"\xff\xfe" * 100_000, "payload_base64"),
        (b"\0" * 1_000_000, "payload_base64"),  # as text it would be six times as long
    ],
    ids=["text", "not ASCII", "binary", "control characters"],
)
def test_one_row_is_shown_whole(world: World, payload: bytes, named: str) -> None:
    """By its id: as text, or in base64 where it is none or where text would be too long."""
    fail(world, payload)
    [row] = world.operate("list_failed")["rows"]
    answer = world.operate("list_failed", id=row["id"])
    size(answer)
    [whole] = answer["rows"]
    shown = whole[named]
    assert (base64.b64decode(shown) if named == "payload_base64" else shown.encode()) == payload
    assert whole["payload_bytes"] == len(payload)


def test_a_row_beyond_the_limit_is_cut(world: World) -> None:
    """`payload_bytes` says how much of it there is."""
    payload = b"z" * 6_000_000
    fail(world, payload)
    [row] = world.operate("list_failed")["rows"]
    answer = world.operate("list_failed", id=row["id"])
    size(answer)
    [whole] = answer["rows"]
    assert payload.startswith(base64.b64decode(whole["payload_base64"]))
    assert len(whole["payload_base64"]) > 4_000_000
    assert whole["payload_bytes"] == len(payload)


def test_the_audit_of_many_findings_is_bounded(world: World) -> None:
    """Its figures count all, and its findings are examples."""
    people = [f"{number:0>255}" for number in range(5_000)]
    for user_id in people:
        world.plant(user_id, 1)
    fail(world, *[b"x" * 65_000] * 50)
    found = world.audit()
    size(found)
    assert not found["ok"]


def test_an_erasure_from_many_events_is_bounded() -> None:
    """So many are shown, and the rest is counted."""
    kept = [{"event_id": "e" * 64, "code": "not_over", "detail": "d" * 200}] * 100_000
    answer = counted({f"{number:0>64}": number for number in range(100_000)}, kept)
    size(answer)
    assert answer["not_shown"] == {"erased": 100_000 - EVENTS_SHOWN, "kept": 100_000 - EVENTS_SHOWN}
    assert counted({"e": 1}, []) == {"erased": {"e": 1}, "kept": []}


def test_what_nobody_thought_of_is_left_out_by_name() -> None:
    """What an action has done is done: an answer that is too long is no error."""
    answer = bounded({"action": "show", "small": 1, "large": ["\N{ROCKET}"] * 1_000_000, "larger": "x" * 9_000_000})
    size(answer)
    assert (answer["small"], answer["left_out"]) == (1, ["large", "larger"])


def test_every_action_is_held_to_the_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it answers, directly or with a token."""
    monkeypatch.setitem(ACTIONS, "show", lambda *_: {"small": 1, "large": "x" * ANSWER_MAX_BYTES})
    order = {"action": "show", "event_id": world.event_id}
    for who in (None, Who("ana", ActorKind.TOKEN, frozenset({"viewer"}))):
        assert act(world.stores, order, who) == {"action": "show", "small": 1, "left_out": ["large"]}
