"""What is asked in which order, and what each answer means: without any network, so that sync and async share it.

A conversation is a generator: it yields a `Request` and is sent a `Reply` or a `Silence`, or yields a `Wait`.
"""

import random
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from firstcome_cli.client.answers import Application, Event, Redemption, Standing
from firstcome_cli.errors import NotThere, Refused, Unknown

T = TypeVar("T")

LATER = {408, 425, 429}  # of the statuses below 500: ask again
NEVER_SENT = {429}  # API Gateway has let it through to nobody
ISSUED_AFTER_S = (2, 4, 8, 16)  # when a winner asks whether the coupon is there: 30 s in all, then they are asked to


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is made, and how long the pauses between are: full jitter, so that no two clients meet."""

    tries: int = 6
    least_s: float = 1.0
    most_s: float = 30.0

    def pause_s(self, retry: int, at_least_s: float = 0.0) -> float:
        """Return the pause before a retry, the first of which is 1; longer where the server named a time."""
        top = min(self.most_s, self.least_s * 2**retry)
        return min(self.most_s, at_least_s) + random.uniform(self.least_s, top)  # noqa: S311  jitter is no secret


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; its path is encoded."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer. `body` is None where it is no JSON object."""

    status: int
    body: Mapping[str, Any] | None
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer came. `sent` is False where the request cannot have reached anybody."""

    why: str
    sent: bool = True


@dataclass(frozen=True, slots=True)
class Wait:
    """Let this time pass."""

    seconds: float


Conversation = Generator[Request | Wait, Reply | Silence | None, T]


def applying(event_id: str, user_id: str, patience: Patience) -> Conversation[Application]:
    """Apply until the answer is known; the same person is always given the same ticket.

    Before each retry the event is looked at, which caches answer: nobody applies while it cannot be read, nor, unless
    an earlier application may have come through, where it is sold out or over. A success without a `ticket` is none:
    a firewall's challenge answers 202 too. Raises `Refused`, or `Unknown` after the last try.
    """
    request = Request("POST", f"{_event_path(event_id)}/applications", {"user_id": user_id})
    undecided, why, named_s = False, "", 0.0
    for attempt in range(patience.tries):
        if attempt:
            yield Wait(patience.pause_s(attempt, named_s))
            answer = yield Request("GET", _event_path(event_id))
            body = _clear(answer)
            if body is None or "remaining" not in body:
                why, named_s = _why(answer)
                continue
            over = Event.of(body).over
            if over is not None and not undecided:
                raise Refused(*over, status=409)
        answer = yield request
        body = _clear(answer)
        if body is not None and isinstance(body.get("ticket"), int):
            return Application.of(body)
        undecided = undecided or _may_count(answer)
        why, named_s = _why(answer)
    raise Unknown(f"no clear answer after {patience.tries} tries ({why}): apply again, a ticket that was given stays")


def standing(event_id: str, user_id: str, patience: Patience) -> Conversation[Standing]:
    """Ask how far an application has come; raise `NotThere` where there is none."""
    path = f"{_event_path(event_id)}/applications/{quote(user_id, safe='')}"
    return Standing.of((yield from _repeated(Request("GET", path), "status", patience)))


def issued(event_id: str, user_id: str, patience: Patience) -> Conversation[Standing]:
    """Ask after 2, 4, 8 and 16 s until the coupon is issued, or never will be; return what was said last."""
    said = None
    for seconds in ISSUED_AFTER_S:
        yield Wait(seconds * patience.least_s)
        said = yield from standing(event_id, user_id, patience)
        if said.status in {"issued", "refused"}:
            break
    assert said is not None
    return said


def event(event_id: str, patience: Patience) -> Conversation[Event]:
    """Look at the event."""
    return Event.of((yield from _repeated(Request("GET", _event_path(event_id)), "remaining", patience)))


def redeeming(
    event_id: str, key: str, code: str | None, user_id: str | None, patience: Patience
) -> Conversation[Redemption]:
    """Redeem one coupon, under a key of the caller's that makes every repeat the same redemption."""
    what = {"code": code} if code is not None else {"user_id": user_id}
    request = Request("POST", f"{_event_path(event_id)}/redemptions", {**what, "key": key})
    return Redemption.of({"event_id": event_id, **(yield from _repeated(request, "redeemed_at", patience))})


def taking_back(event_id: str, key: str, patience: Patience) -> Conversation[None]:
    """Take a redemption back; its key is used up for good."""
    yield from _repeated(Request("DELETE", f"{_event_path(event_id)}/redemptions/{quote(key, safe='')}"), "", patience)


def _repeated(request: Request, has: str, patience: Patience) -> Conversation[Mapping[str, Any]]:
    """Repeat a request that may run twice until its answer is clear, and has that field."""
    why, named_s = "", 0.0
    for attempt in range(patience.tries):
        if attempt:
            yield Wait(patience.pause_s(attempt, named_s))
        answer = yield request
        body = _clear(answer)
        if body is not None and (not has or has in body):
            return body
        why, named_s = _why(answer)
    raise Unknown(f"no clear answer after {patience.tries} tries ({why}): ask again, which is safe")


def _clear(answer: Reply | Silence | None) -> Mapping[str, Any] | None:
    """Return the body of a success; None where the answer says nothing; raise `Refused` where it is a no."""
    if not isinstance(answer, Reply) or answer.status in LATER or answer.status >= 500:
        return None
    if 200 <= answer.status < 300:
        return {} if answer.status == 204 else answer.body
    if not 400 <= answer.status < 500:
        return None
    body = answer.body or {}
    code = str(body.get("code") or f"http_{answer.status}")
    detail = str(body.get("detail") or body.get("message") or f"HTTP {answer.status}")
    kind = NotThere if answer.status in {404, 410} else Refused
    raise kind(code, detail, answer.status, body)


def _may_count(answer: Reply | Silence | None) -> bool:
    if isinstance(answer, Silence):
        return answer.sent
    return not isinstance(answer, Reply) or answer.status not in NEVER_SENT


def _why(answer: Reply | Silence | None) -> tuple[str, float]:
    if isinstance(answer, Silence):
        return answer.why, 0.0
    if isinstance(answer, Reply):
        code = (answer.body or {}).get("code")
        return f"HTTP {answer.status}{f' {code}' if code else ''}", answer.retry_after_s
    return "no answer", 0.0


def _event_path(event_id: str) -> str:
    return f"/events/{quote(event_id, safe='')}"
