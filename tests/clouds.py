"""The clouds of the tests: the real handlers over servers that are given, with short times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dev.cloud import Cloud

if TYPE_CHECKING:
    import pytest

    from dev.servers import Servers

# What takes minutes in production is a step of the test's here.
SETTINGS = {
    "FIRSTCOME_SWEEP_OVERDUE_MS": "100",
    "FIRSTCOME_FAILED_BACKOFF_BASE_MS": "10",
    "FIRSTCOME_FAILED_ATTEMPTS": "3",
    "FIRSTCOME_SOLD_OUT_MEMORY_MS": "50",
    "FIRSTCOME_RELEASED_REST_MS": "100",
    "FIRSTCOME_RESTORE_WAIT_MS": "100",
    "FIRSTCOME_KNOWN_EVENTS_MS": "0",
    # A busy machine is no dead broker: `reserved` is an answer that a test asks for.
    "FIRSTCOME_KAFKA_MAX_BLOCK_MS": "10000",
    "FIRSTCOME_KAFKA_REQUEST_TIMEOUT_MS": "10000",
    "FIRSTCOME_KAFKA_DELIVERY_TIMEOUT_MS": "20000",
    "FIRSTCOME_MYSQL_CONNECT_TIMEOUT_MS": "10000",
    "FIRSTCOME_MYSQL_STATUS_TIMEOUT_MS": "10000",
}


class Clouds:
    """Makes clouds, each in a folder of its own; `with` starts one."""

    def __init__(self, folders: pytest.TempPathFactory, child_environment: dict[str, str]) -> None:
        self._folders = folders
        self._for_coverage = child_environment

    def over(
        self, servers: Servers, settings: dict[str, str] | None = None, *, counted: bool = True, **options: Any
    ) -> Cloud:
        """Return a cloud over these servers, under these settings beside `SETTINGS`; the options are `Cloud`'s.

        `counted` is whether coverage counts the lines that its functions run.
        """
        environment = SETTINGS | (self._for_coverage if counted else {}) | (settings or {})
        return Cloud(self._folders.mktemp("cloud"), servers=servers, environment=environment, **options)
