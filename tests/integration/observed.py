"""One event through all four functions, through every answer and every trouble; a test reads what they write."""

from __future__ import annotations

import json
import sys
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.operate import actions
from firstcome.rules import rfc3339
from firstcome.stream.record import encode
from tests import emf
from tests.api import NO_KAFKA, NO_MYSQL, NO_REDIS
from tests.world import HOUR_MS, msk_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from tests.api import Api, Reply
    from tests.world import World

PEOPLE = {name: f"{name}|4711-{name}@example.com" for name in ("alice", "bob", "carol", "dave", "erin", "mallory")}
CORRELATION_ID = "order-0815"
SECRETS = ["bearer-hunter2", "body-hunter2", "cookie-hunter2", "redis-hunter2", "mysql-hunter2"]
HEADERS = {
    "content-type": "application/json",
    "x-correlation-id": CORRELATION_ID,
    "authorization": f"Bearer {SECRETS[0]}",
    "cookie": f"session={SECRETS[2]}",
}
SETTINGS = {
    "FIRSTCOME_SWEEP_OVERDUE_MS": "0",
    "FIRSTCOME_SOLD_OUT_MEMORY_MS": "0",
    "FIRSTCOME_RELEASED_REST_MS": "0",
    "FIRSTCOME_RESTORE_WAIT_MS": "0",
    "FIRSTCOME_FAILED_BACKOFF_BASE_MS": "0",
    "FIRSTCOME_FAILED_ATTEMPTS": "2",
    "FIRSTCOME_KNOWN_EVENTS_MS": "0",
}


class Stdout:
    """The stdout of the moment: the logger keeps the one of its import."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return 600_000


@dataclass
class Campaign:
    """One event, through all four functions; each step may fail, as on Lambda, which logs what is raised."""

    world: World
    start: Callable[..., Api]
    load: Callable[[str], ModuleType]
    raised: list[BaseException] = field(default_factory=list)

    def post(self, api: Api, name: str, event_id: str = "") -> Reply:
        body = {"user_id": PEOPLE[name], "password": SECRETS[1]}
        return api.post(event_id or self.world.event_id, body, HEADERS)

    def invoke(self, name: str, event: dict[str, Any], module: ModuleType | None = None) -> Any:
        try:
            return (module or self.load(name)).handler(event, _Context())
        except Exception as error:  # noqa: BLE001
            self.raised.append(error)
            lines = "".join(traceback.format_exception(error))
            print(f"[ERROR] {type(error).__name__}: {error}\n{lines}")
            return None

    def operate(self, action: str, **payload: Any) -> Any:
        return self.invoke("operate", {"action": action, "event_id": self.world.event_id, **payload})

    def consume(self, *values: bytes | None, start: int = 0) -> Any:
        event = msk_event(self.world.event_id, values, start=start)
        for records in event["records"].values():
            for record in records:
                record["headers"] = [{"trace": [1, 2]}, {"correlation_id": list(CORRELATION_ID.encode())}]
        return self.invoke("consume", event)

    def retry(self) -> Any:
        return self.invoke("retry", {})

    def run(self) -> None:
        """Let every answer and every trouble happen once."""
        self._answers()
        self._troubles_of_apply()
        self._records()
        self._troubles_behind()

    def _answers(self) -> None:
        event_id, api = self.world.event_id, self.start()
        now = int(time.time() * 1000)
        window = {"opens_at": rfc3339(now + HOUR_MS), "closes_at": rfc3339(now + 2 * HOUR_MS)}
        later = f"{event_id}-2"
        for action, payload in (("create", {"name": "Later", "capacity": 1, **window}), ("open", {})):
            actions.act(self.world.stores, {"action": action, "event_id": later, **payload})
        self.operate("refuse", user_id=PEOPLE["erin"], reason="a bot")
        words = [
            self.post(api, "alice").status,
            self.post(api, "alice").status,
            self.post(api, "erin").code,
            self.post(self.start(**NO_KAFKA), "bob").word,
            self.post(api, "carol").status,
            self.post(api, "dave").code,
            self.post(api, "dave", later).code,
        ]
        assert words == [202, 202, (409, "refused"), (202, "reserved"), 202, (409, "sold_out"), (409, "not_open")]
        for action, code in (("pause", "paused"), ("close", "closed")):
            self.operate(action)
            assert self.post(api, "dave").code == (409, code)
        self.operate("open")

    def _troubles_of_apply(self) -> None:
        event_id, gate = self.world.event_id, self.world.stores.gate
        assert self.post(self.start(**NO_REDIS), "dave").code == (503, "try_again")
        away = {"mysql_url": f"mysql://root:{SECRETS[4]}@127.0.0.1:1/firstcome"}
        assert self.start(**away).status(event_id, PEOPLE["dave"]).code == (503, "try_again")
        away = {"redis_url": f"redis://:{SECRETS[3]}@127.0.0.1:1/0"}
        assert self.start(**away).status(event_id, PEOPLE["dave"]).code == (503, "try_again")
        api, key = self.start(), gate.keys(event_id).event
        gate.redis.rename(key, f"{key}:aside")
        assert self.post(api, "dave").code == (503, "gate_lost")
        gate.redis.set(key, "garbled")
        assert self.post(api, "dave").code == (500, "internal")
        self.retry()
        gate.redis.delete(key)
        gate.redis.rename(f"{key}:aside", key)

    def _records(self) -> None:
        world = self.world
        self.operate("raise_capacity", capacity=5)
        tickets = [world.apply(PEOPLE[name]) for name in ("alice", "mallory")]
        dave = world.ticket(PEOPLE["dave"], 99)
        values = (*(encode(ticket, 1) for ticket in (*tickets, dave)), b'{"user_id": "', None)
        with self.turning_down("INSERT ON coupon"):
            with self.turning_down("INSERT ON failed_event"):
                self.consume(*values)  # the row cannot be stored: the batch fails
            self.consume(*values)
            with self.turning_down("UPDATE ON failed_event"):
                self.retry()
            for _ in range(4):
                self.invoke("operate", {"action": "redrive", "all_events": True})
                self.retry()

    @contextmanager
    def turning_down(self, what: str) -> Iterator[None]:
        """Let the ledger refuse mallory, in words that name them."""
        name, words = "turns_down_" + what.lower().replace(" ", "_"), f"nothing for ''{PEOPLE['mallory']}''"
        with self.world.stores.ledger.connect() as connection, connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TRIGGER {name} BEFORE {what} FOR EACH ROW BEGIN IF NEW.user_id LIKE 'mallory%' THEN"
                f" SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{words}'; END IF; END"
            )
        try:
            yield
        finally:
            with self.world.stores.ledger.connect() as connection, connection.cursor() as cursor:
                cursor.execute(f"DROP TRIGGER {name}")

    def _troubles_behind(self) -> None:
        self.operate("refuse", user_id=PEOPLE["alice"])
        self.operate("list_failed")
        self.operate("audit")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FIRSTCOME_MYSQL_URL", NO_MYSQL["mysql_url"])
            self.consume(encode(self.world.ticket(PEOPLE["bob"], 2), 1), start=9)
            self.retry()


def said(campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> str:
    """Return all that the four functions and their libraries write in the course of it."""
    capsys.readouterr()
    campaign.run()
    emf.write_out()
    return capsys.readouterr().out


def logged(output: str) -> list[dict[str, Any]]:
    """Return the log's lines."""
    lines = [line for line in output.splitlines() if line.startswith('{"level"')]
    return [json.loads(line) for line in lines]
