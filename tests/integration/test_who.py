"""functions/operate: who may do what, and what a viewer sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from firstcome.ledger.failed_events import Failure
from firstcome.operate.actions import act
from firstcome.operate.table import ACTIONS
from firstcome.operate.who import Forbidden, Group, Who
from firstcome.rules import ActorKind, BadInput, Reason

if TYPE_CHECKING:
    from tests.world import World

RANKS = list(Group)


def token(*groups: str, actor: str = "ana") -> Who:
    """Return somebody whose token was verified."""
    return Who(actor, ActorKind.TOKEN, frozenset(groups))


@pytest.mark.parametrize("group", [None, *Group])
@pytest.mark.parametrize("action", list(ACTIONS))
def test_groups_allow_what_the_table_says(world: World, action: str, group: Group | None) -> None:
    """Each group may what those below it may, and nothing more; without one, nobody may anything."""
    rule = ACTIONS[action]
    may = group is not None and RANKS.index(group) >= RANKS.index(rule.group) and not rule.direct
    wrong: dict[str, Any] = {"action": action, "no such field": 1}  # it is read only where they may
    with pytest.raises(BadInput) as told:
        act(world.stores, wrong, token(*([group] if group else [])))
    assert told.value.code == ("unknown_field" if may else "forbidden")


def test_groups_match_exactly(world: World) -> None:
    """`Admin`, `admins` and a name with a space are nobody's group."""
    for name in ("Admin", "admins", "admin ", "[admin]", ""):
        with pytest.raises(Forbidden):
            act(world.stores, {"action": "show", "event_id": world.event_id}, token(name))
    assert act(world.stores, {"action": "show", "event_id": world.event_id}, token("other", "viewer"))["coupons"] == 0


def test_a_token_says_who_acts(world: World) -> None:
    """A payload beside it may not name another actor, and names the version that was seen."""
    order = {"action": "pause", "event_id": world.event_id}
    with pytest.raises(BadInput, match='has no field "actor"'):
        act(world.stores, order | {"actor": "bob", "expect_version": 2}, token("operator"))
    with pytest.raises(BadInput, match="needs expect_version"):
        act(world.stores, order, token("operator"))


def test_a_viewer_sees_no_personal_data(world: World) -> None:
    """Failed rows and findings are shown without whom they are about."""
    alice = world.apply("alice")
    world.stores.ledger.write([], [Failure(Reason.LEDGER_REJECTED, "alice's", b"alice", *alice)])
    for group, sees in (("viewer", False), ("operator", True)):
        [row] = act(world.stores, {"action": "list_failed"}, token(group))["rows"]
        assert (row["user_id"], row["detail"], row["payload"]) == (
            ("alice", "alice's", "alice") if sees else (None, None, None)
        )
        assert row["ticket"] == alice.number
        whole = act(world.stores, {"action": "list_failed", "id": row["id"]}, token(group))
        audit = act(world.stores, {"action": "audit", "event_id": world.event_id}, token(group))
        assert ("alice" in str(whole), "alice" in str(audit)) == (sees, False)


def test_a_viewer_sees_no_record_in_base64(world: World) -> None:
    """A record that is no text is a record all the same."""
    world.stores.ledger.write([], [Failure(Reason.NOT_JSON, "no text", b"\xff", event_id=world.event_id)])
    [row] = world.operate("list_failed")["rows"]
    one = {"action": "list_failed", "id": row["id"]}
    shown = [act(world.stores, one, token(group))["rows"][0]["payload_base64"] for group in ("viewer", "operator")]
    assert shown == [None, "/w=="]
