"""Timeouts and windows agree with the settings. That no function is ended before it answers: test_worst_case.py."""

from __future__ import annotations

from firstcome.settings import Settings
from tests.templates import functions

settings = Settings()


def test_no_apply_outlives_the_wait_of_a_restore() -> None:
    """A gate is rebuilt when every apply from before its loss has ended."""
    assert functions["ApplyFunction"]["Timeout"] * 1000 <= settings.restore_wait_ms


def test_retry_has_time_for_work_and_for_its_reserve() -> None:
    """Waiting for a restore, reading the stream and the reserve together leave it half of its time for work."""
    spent_ms = settings.restore_wait_ms + settings.kafka_unread_timeout_ms + settings.retry_reserve_ms
    assert functions["RetryFunction"]["Timeout"] * 1000 >= 2 * spent_ms


def test_the_sweep_waits_for_a_batch_to_fill() -> None:
    """A ticket whose record still waits in a batch is not overdue."""
    stream = functions["ConsumeFunction"]["Events"]["Stream"]["Properties"]
    assert stream["MaximumBatchingWindowInSeconds"] * 1000 * 10 <= settings.sweep_overdue_ms
