"""For how long an environment leaves the brokers alone after a no: partly by chance, so that not all return at once."""

import random
import time

from firstcome.rules import backoff_ms


class TooManyConnectsError(Exception):
    """A broker takes no more connections for now, whoever asks: to connect again at once would make it worse."""


class NotConnectingError(TooManyConnectsError):
    """One has said so just now, and none was asked again."""


class Backoff:
    """A quiet time after each failure, doubled from one to the next up to `cap_ms`, until a success ends it.

    Half of it is certain, the other half is chance.
    """

    def __init__(self, base_ms: int, cap_ms: int) -> None:
        self._base_ms = base_ms
        self._cap_ms = cap_ms
        self._failures = 0
        self._until = 0.0  # monotonic

    @property
    def quiet(self) -> bool:
        """Whether nothing should be asked now."""
        return time.monotonic() < self._until

    def failed(self) -> None:
        """Be quiet from now on, for longer than the last time."""
        self._failures += 1
        wait_ms = backoff_ms(self._failures, self._base_ms, self._cap_ms, random.random())  # noqa: S311  jitter
        self._until = time.monotonic() + wait_ms / 1000

    def reset(self) -> None:
        """Forget the failures; the quiet time is over."""
        self._failures = 0
        self._until = 0.0
