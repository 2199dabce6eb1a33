"""The rights of firstcome's user of Redis on AWS, on a real Redis: enough for everything, and for nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import redis

from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.settings import Settings
from tests.patience import PATIENT
from tests.templates import ROOT, infrastructure
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPTS = ROOT / "layers" / "common" / "python" / "firstcome" / "gate"
PASSWORD = "a-password-of-one-test"


@pytest.fixture
def user(client: Any, event_id: str) -> Iterator[str]:
    """A user with the access string of the template."""
    [user] = infrastructure.of_type("AWS::ElastiCache::User").values()
    name = f"user-{event_id}"
    client.execute_command("ACL", "SETUSER", name, "reset", f">{PASSWORD}", *user["AccessString"].split())
    yield name
    client.execute_command("ACL", "DELUSER", name)


@pytest.fixture
def settings(redis_url: str, user: str) -> Settings:
    """Settings that name the server and the user."""
    url = urlsplit(redis_url)
    return Settings(
        redis_url=url._replace(netloc=f"{user}:{PASSWORD}@{url.netloc.rpartition('@')[2]}").geturl(), **PATIENT
    )


def test_it_is_enough_for_the_whole_life_of_an_event(world: World, settings: Settings, client: redis.Redis) -> None:
    """Applying, settling, losing the gate and rebuilding it, reconciling, auditing: under these rights alone."""
    patient = world.with_settings(restore_wait_ms=0, sweep_overdue_ms=0).stores
    limited = World(replace(patient, gate=Gate(redis_client(settings), patient.settings)), world.event_id)
    alice = limited.apply("alice")
    limited.apply("bob")
    limited.send(alice)
    limited.commit(1)
    limited.consume(alice)
    assert "alice" not in limited.pending()
    limited.retry()
    assert limited.holders().keys() == {"alice", "bob"}
    limited.lose_gate()
    assert limited.operate("restore")["outcome"] == "restored"
    client.hset(limited.stores.gate.keys(world.event_id).event, "replid", "the old primary's")
    assert limited.operate("reconcile")["outcome"] == "reconciled"
    limited.operate("refuse", user_id="carol", reason="a bot")
    limited.assert_promise(rows=2)
    limited.operate("end")
    limited.retry()
    assert not limited.audit()["findings"]


def test_it_has_every_command_of_every_script(client: Any, user: str) -> None:
    """A script is refused at the first command that its caller may not use."""
    key = "coupon:{e}:event"
    commands = {
        name for path in SCRIPTS.glob("*.lua") for name in re.findall(r"redis\.call\('(\w+)'", path.read_text())
    }
    assert {"HGET", "ZADD", "TIME", "RENAME"} <= commands
    for command in sorted(commands):
        [about] = client.execute_command("COMMAND", "INFO", command).values()
        arguments = [key] * (abs(about["arity"]) - 1)
        assert client.execute_command("ACL", "DRYRUN", user, command, *arguments) == "OK", command


@pytest.mark.parametrize(
    "command",
    [
        ("FLUSHALL",),
        ("FLUSHDB",),
        ("KEYS", "*"),
        ("CONFIG", "GET", "maxmemory"),
        ("ACL", "LIST"),
        ("SHUTDOWN",),
        ("MONITOR",),
        ("GET", "somebody:else"),
        ("PUBLISH", "channel", "word"),
    ],
    ids=" ".join,
)
def test_it_may_not_empty_list_or_change_the_server(settings: Settings, command: tuple[str, ...]) -> None:
    """Whoever stole the password could spoil gates, which are rebuilt, and nothing beside them."""
    with redis_client(settings) as limited, pytest.raises(redis.exceptions.NoPermissionError):
        limited.execute_command(*command)
