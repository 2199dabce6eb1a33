"""The three stores of one execution environment: gate, ledger and the stream's reader."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.ledger import Ledger
from firstcome.settings import Settings
from firstcome.stream.reader import StreamReader


@dataclass(frozen=True, slots=True)
class Stores:
    """What every unit of work of the retry, and every action of the operator, needs."""

    ledger: Ledger
    gate: Gate
    reader: StreamReader
    settings: Settings

    def close(self) -> None:
        """Close every connection; the reader keeps none."""
        self.ledger.close()
        self.gate.close()

    @classmethod
    def from_env(cls) -> Stores:
        """Make the clients, once per execution environment. None of them connects before it is used."""
        return cls.of(Settings.from_env())

    @classmethod
    def of(cls, settings: Settings) -> Stores:
        """Make the clients for these settings."""
        ledger = Ledger(partial(mysql_connection, settings, settings.mysql_read_timeout_ms), settings)
        return cls(
            ledger=ledger,
            gate=Gate(redis_client(settings), settings),
            reader=StreamReader(settings, ledger.outcomes),
            settings=settings,
        )
