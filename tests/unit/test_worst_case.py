"""The longest that one request may take is a sum of settings, and lies below the timeout of its function."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from firstcome.runtime import credentials
from firstcome.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

yaml_parse = pytest.importorskip("samcli.yamlhelper").yaml_parse

COLD_START_MS = 2_000  # what is left for the import, and for the answer

template = yaml_parse((Path(__file__).parents[2] / "template.yaml").read_text())


def timeout_ms(function: str) -> int:
    """Return when Lambda ends one invocation."""
    return int(template["Resources"][function]["Properties"]["Timeout"]) * 1000


# --- one call of each server, when it falls silent at the worst moment -----------------------------------------------


def redis_ms(settings: Settings) -> int:
    """Each try may have to connect, and connecting is tried as often, with a pause before each repetition."""
    tries = settings.redis_retries + 1
    return settings.redis_timeout_ms * tries**2 + settings.redis_pause_ms * settings.redis_retries * tries


def kafka_ms(settings: Settings) -> int:
    """An environment's first send: metadata and a connection, then the verdict."""
    return settings.kafka_max_block_ms + settings.kafka_delivery_timeout_ms


def mysql_read_ms(settings: Settings) -> int:
    """Connect and ask: a silence ends the request, whether it comes before the greeting or after the question."""
    return settings.mysql_connect_timeout_ms + settings.mysql_status_timeout_ms


def mysql_write_ms(settings: Settings) -> int:
    """Connect, lose against other transactions as often as it is tried, then wait for an answer that does not come."""
    locks = settings.mysql_lock_wait_s * 1000 * (settings.mysql_deadlock_retries + 1)
    return settings.mysql_connect_timeout_ms + locks + settings.mysql_read_timeout_ms


def secret_ms() -> int:
    """A password, or the key of the logs, read once; a token is signed without asking anybody."""
    return int((credentials.SECRET_CONNECT_S + credentials.SECRET_READ_S) * 1000)


# --- one request -----------------------------------------------------------------------------------------------------


def winner_ms(settings: Settings) -> int:
    """The password; the policy of Redis, once an environment; the gate; the stream; the key of the logs."""
    return 2 * secret_ms() + 2 * redis_ms(settings) + kafka_ms(settings)


def lost_gate_ms(settings: Settings) -> int:
    """The password; the policy; the gate, which is lost; the ledger, with its own password; the key of the logs."""
    return 3 * secret_ms() + 2 * redis_ms(settings) + mysql_read_ms(settings)


def status_ms(settings: Settings) -> int:
    """The gate; the ledger; the password of each; the key of the logs."""
    return 3 * secret_ms() + redis_ms(settings) + mysql_read_ms(settings)


def batch_ms(settings: Settings) -> int:
    """The ledger; the gate: of one event, settled and marked; the password of each; the key of the logs."""
    return 3 * secret_ms() + mysql_write_ms(settings) + 2 * redis_ms(settings)


@pytest.mark.parametrize("request_ms", [winner_ms, lost_gate_ms, status_ms], ids=lambda one: one.__name__)
def test_apply_answers_before_it_is_ended(request_ms: Callable[[Settings], int]) -> None:
    """Whichever servers are at their slowest, the caller is told something."""
    assert request_ms(Settings()) + COLD_START_MS <= timeout_ms("ApplyFunction")
    assert timeout_ms("EventFunction") == timeout_ms("ApplyFunction"), "a lost gate's view asks the same servers"


def test_consume_ends_before_it_is_ended() -> None:
    """Or a slow batch would be cut off, and written again and again."""
    assert batch_ms(Settings()) + COLD_START_MS <= timeout_ms("ConsumeFunction")


def test_a_secret_is_not_read_twice_by_one_call() -> None:
    """A password that was refused is read again only when it was not read just now: later than a reading may take."""
    assert secret_ms() < credentials.REREAD_S * 1000


def test_a_retry_of_redis_costs_more_than_it_seems() -> None:
    """One more repetition is five more timeouts and four more pauses, not one: that is why there is one only."""
    usual = Settings()
    more = replace(usual, redis_retries=usual.redis_retries + 1)
    assert redis_ms(more) - redis_ms(usual) == 5 * usual.redis_timeout_ms + 4 * usual.redis_pause_ms
