"""What one of each costs: seconds of a core, by the process that spends them, and seconds of waiting."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Times:
    """Service times, in seconds of a core; the last block is of no core."""

    # a request
    client_s: float  # the load generator
    front_s: float
    # apply, in its environment
    lost_s: float  # sold out, by asking Redis
    remembered_s: float  # sold out, from memory
    won_s: float
    # Redis
    gate_lost_s: float
    gate_won_s: float
    settle_s: float  # a row
    # Kafka, a record: until it is confirmed; until the poller has it, its share of the commit included
    produce_s: float
    fetch_s: float
    # from Kafka to the row, a record of a batch of some hundred
    poll_s: float
    consume_s: float
    ledger_s: float

    hop_s: float = 0.0  # to a server and back: the network's time
    send_s: float = 0.0  # until the brokers have copied a record, beside what it costs them
    commit_s: float = 0.0  # until the ledger's log is on disk

    @classmethod
    def typical(cls, measured: Sequence[Times]) -> Times:
        """Return the medians."""
        return cls(**{each.name: median(getattr(one, each.name) for one in measured) for each in fields(cls)})

    @property
    def answered_s(self) -> dict[str, float]:
        """What one answer takes of all processes together, by how it came about."""
        through = self.client_s + self.front_s
        return {
            "from memory": through + self.remembered_s,
            "via Redis": through + self.lost_s + self.gate_lost_s,
            "accepted": through + self.won_s + self.gate_won_s + self.produce_s,
        }

    def on(self, faster: float) -> Times:
        """Return the same on cores that are so many times as fast."""
        return replace(self, **{name: value / faster for name, value in self.cores().items()})

    def cores(self) -> dict[str, float]:
        """Return those that are of a core."""
        return {name: value for name, value in self.to_json().items() if name not in ("hop_s", "send_s", "commit_s")}

    def to_json(self) -> dict[str, float]:
        """Return them by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, float]) -> Times:
        """Return those that `to_json` has written."""
        return cls(**kept)
