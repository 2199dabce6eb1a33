"""What every benchmark may use: real servers of their own, events to fill, and a way to say how far it has come."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from firstcome.ledger.connect import mysql_connection
from firstcome.operate.actions import act
from firstcome.settings import Settings
from firstcome.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dev.servers import Servers


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the benchmarks. `quick`: as few rounds and as little load as still show that everything works."""

    servers: Servers
    folder: Path  # for data and logs; not the report's
    quick: bool
    say: Callable[[str], None]

    def pick(self, full: int, quick: int) -> int:
        """Return how many of something: rounds, calls, records."""
        return quick if self.quick else full

    @property
    def settings(self) -> Settings:
        """The settings of a function over these servers."""
        return Settings.from_env(self.environ)

    @property
    def environ(self) -> dict[str, str]:
        """The variables of a function over these servers, outside the local cloud."""
        local = {
            "FIRSTCOME_KAFKA_REPLICATION": "1",
            "FIRSTCOME_LOCAL_IDENTITY": "backend",
            "FIRSTCOME_LOCAL_CLOUD": "1",
        }
        return self.servers.environ | local

    def open_event(self, stores: Stores, capacity: int, name: str = "bench") -> str:
        """Make an event and open it; return its id."""
        event_id = f"{name}-{uuid.uuid4().hex[:12]}"
        now = datetime.now(UTC)
        window = {
            "opens_at": (now - timedelta(hours=1)).isoformat(),
            "closes_at": (now + timedelta(days=1)).isoformat(),
        }
        act(stores, {"action": "create", "event_id": event_id, "name": name, "capacity": capacity, **window})
        act(stores, {"action": "open", "event_id": event_id})
        return event_id

    def stores(self) -> Stores:
        """Return gate, ledger and reader over these servers; `close` them."""
        return Stores.of(self.settings)

    def forget(self, stores: Stores, *event_ids: str) -> None:
        """Forget events whose tickets nobody will issue: a later retry would sweep them, and mend their gates."""
        for event_id in event_ids:
            stores.ledger.wipe(event_id)
            stores.gate.redis.delete(*stores.gate.keys(event_id))

    def rows(self, event_id: str) -> tuple[int, int, int]:
        """Return how many coupon rows, distinct tickets and distinct people the event has, counted by MySQL."""
        found = self.query(
            "SELECT COUNT(*), COUNT(DISTINCT ticket), COUNT(DISTINCT user_id) FROM coupon WHERE event_id = %s", event_id
        )
        rows, tickets, people = found[0]
        return rows, tickets, people

    def query(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Return what one statement on a connection of its own finds; it is committed."""
        with mysql_connection(self.settings, 120_000) as connection, connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return list(cursor.fetchall())


def wrong_rows(bench: Bench, event_id: str, expected: int) -> list[str]:
    """Return what is wrong with the event's rows, as MySQL counts them: exactly `expected`, one each."""
    found = bench.rows(event_id)
    return [] if found == (expected,) * 3 else [f"{event_id}: rows, tickets, people {found} for {expected}"]
