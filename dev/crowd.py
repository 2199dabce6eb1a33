"""A crowd of applicants over HTTP, from many threads at once, each answer noted."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# A person waits no longer; API Gateway gives up after 30 s.
TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What one person was told, and how long it took."""

    user_id: str
    status: int
    body: dict[str, Any]
    seconds: float

    @property
    def word(self) -> str:
        """The status word of a coupon, or the code of a problem."""
        return str(self.body.get("code") or self.body.get("status"))

    @property
    def has_ticket(self) -> bool:
        """Whether this person was told of a ticket that is theirs."""
        return self.status in (200, 202)


class Crowd:
    """Applicants of one event; `threads` of them ask at the same time, each over a connection of its own."""

    def __init__(self, api_url: str, event_id: str, threads: int = 32) -> None:
        self._address = urlsplit(api_url)
        self._path = f"/events/{event_id}/applications"
        self._threads = threads
        self._local = threading.local()
        self._connections: list[HTTPConnection] = []

    def apply(self, user_id: str) -> Answer:
        """Let one person ask once. A connection that breaks is an answer too: status 0."""
        body = json.dumps({"user_id": user_id})
        start = time.perf_counter()
        try:
            response = self._request(body)
            status, answer = response.status, json.loads(response.read())
        except (OSError, ValueError) as error:
            self._local.connection = None
            status, answer = 0, {"code": type(error).__name__}
        return Answer(user_id, status, answer, time.perf_counter() - start)

    def rush(self, people: Iterable[str], told: Callable[[Answer], None] = lambda _: None) -> list[Answer]:
        """Let all of `people` ask, in this order as far as threads keep one; `told` hears each answer."""

        def one(user_id: str) -> Answer:
            answer = self.apply(user_id)
            told(answer)
            return answer

        try:
            with ThreadPoolExecutor(self._threads) as threads:
                return list(threads.map(one, people))
        finally:
            self.close()

    def close(self) -> None:
        """Close the connections of all threads, which must have ended."""
        while self._connections:
            self._connections.pop().close()

    def _request(self, body: str) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = HTTPConnection(self._address.hostname or "", self._address.port, timeout=TIMEOUT_S)
            self._local.connection = connection
            self._connections.append(connection)
        connection.request("POST", self._path, body, {"content-type": "application/json"})
        return connection.getresponse()


def by_word(answers: Iterable[Answer]) -> Counter[str]:
    """Count the answers by what they said."""
    return Counter(f"{answer.status} {answer.word}" for answer in answers)


def apart(answers: Iterable[Answer]) -> tuple[list[Answer], list[Answer], list[Answer]]:
    """Return one answer for each winner, the repeats of those who had won already, and all other answers.

    A person asks over several connections at once, so that the order of the answers says little: taken for the one that
    won is a 202 `accepted` where there is one, else a 202.
    """
    answers = list(answers)
    won: dict[str, Answer] = {}
    for answer in answers:
        if answer.has_ticket and _rank(answer) > _rank(won.get(answer.user_id)):
            won[answer.user_id] = answer
    repeats = [answer for answer in answers if answer.has_ticket and answer is not won[answer.user_id]]
    return list(won.values()), repeats, [answer for answer in answers if not answer.has_ticket]


def _rank(answer: Answer | None) -> tuple[int, bool]:
    return (0, False) if answer is None else (answer.status, answer.word == "accepted")


def percentile(answers: Iterable[Answer], share: float) -> float:
    """Return the time, in milliseconds, that `share` of the answers stayed below."""
    ordered = sorted(answer.seconds for answer in answers)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000
