"""What the gate holds, page by page: for an audit, which reads all of it while it goes on deciding."""

from collections.abc import Sequence
from typing import NamedTuple

from firstcome.gate.scripts import Scripts

# Members per command: larger ones gain nothing, and Redis serves nobody else meanwhile.
CHUNK = 1_000


class Held(NamedTuple):
    """What the gate holds of one person."""

    entry: str  # of applied_user, as in entry.py; "": none
    pending_at_ms: int  # of the mark; 0: none


class Pages(Scripts):
    """Reads of one page each. A scan shows everybody who is there from its beginning to its end, perhaps twice."""

    def people(self, event_id: str, people: Sequence[str]) -> list[Held] | None:
        """Return what the gate holds of these people, in their order; None where it is lost."""
        found: list[Held] = []
        for start in range(0, len(people), CHUNK):
            alive, *words = self.run("people", event_id, list(people[start : start + CHUNK]))
            if not alive:
                return None
            found += map(Held, words[::2], words[1::2])
        return found

    def applied_page(self, event_id: str, cursor: int) -> tuple[int, list[str]]:
        """Return the next cursor (0: that was all) and some of those in `applied_user`; begin with 0."""
        with self.answering():
            after, page = self.redis.hscan(self.keys(event_id).applied_user, cursor, count=CHUNK)
        return int(after), [str(user_id) for user_id in page]

    def pending_page(self, event_id: str, cursor: int) -> tuple[int, list[str]]:
        """Return the next cursor (0: that was all) and some of those who have a mark; begin with 0."""
        with self.answering():
            after, page = self.redis.zscan(self.keys(event_id).pending, cursor, count=CHUNK)
        return int(after), [str(user_id) for user_id, _ in page]

    def pending_before(self, event_id: str, before_ms: int, limit: int) -> list[str]:
        """Return up to `limit` people whose mark is older, the oldest first."""
        with self.answering():
            found = self.redis.zrange(self.keys(event_id).pending, "-inf", before_ms, byscore=True, offset=0, num=limit)
        return [str(user_id) for user_id in found]

    def free_between(self, event_id: str, low: int, high: int) -> set[int]:
        """Return the free tickets among these numbers, both ends included."""
        with self.answering():
            found = self.redis.zrange(self.keys(event_id).released, low, high, byscore=True)
        return {int(str(member).partition(":")[0]) for member in found}
