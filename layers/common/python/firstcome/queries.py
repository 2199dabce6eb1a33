"""The named statements of `ledger.sql`, and the form in which times travel to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiosql

from firstcome.rules import from_ms

# Any: aiosql makes the methods from the file. A test calls each of them on both servers.
queries: Any = aiosql.from_path(Path(__file__).with_name("ledger.sql"), "pymysql", encoding="utf-8")


def sql_time(ms: int) -> str:
    """Answer the UTC time as a DATETIME(3) is written."""
    return from_ms(ms).isoformat(" ", "milliseconds")[:23]
