"""The two clients: each carries a conversation over HTTP, one waiting, one not."""

import asyncio
import time
from typing import Self, TypeVar

import httpx

from firstcome_cli.client import protocol
from firstcome_cli.client.answers import Application, Event, Redemption, Standing
from firstcome_cli.client.protocol import Conversation, Patience, Reply, Request, Silence

T = TypeVar("T")

# An HTTP API waits 30 s for its function, and answers 503 then.
TIMEOUT = httpx.Timeout(35.0, connect=5.0)
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Client:
    """The back end's API, or with a token in `headers` the applicants', one request after the other.

    Raises `Refused` for a no, `NotThere` (a `Refused`) where there is nothing, and `Unknown` where nobody knows. Each
    method may be repeated, by another process too: it changes nothing more.
    """

    def __init__(
        self,
        url: str,
        *,
        auth: httpx.Auth | None = None,
        headers: dict[str, str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Keep the address; `auth` signs each request."""
        self._http = httpx.Client(base_url=url, auth=auth, headers=headers, timeout=TIMEOUT)
        self._patience = patience or Patience()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def apply(self, event_id: str, user_id: str) -> Application:
        """Apply for a coupon; the same person is always given the same ticket."""
        return self._carry(protocol.applying(event_id, user_id, self._patience))

    def status(self, event_id: str, user_id: str) -> Standing:
        """Ask how far an application has come."""
        return self._carry(protocol.standing(event_id, user_id, self._patience))

    def issued(self, event_id: str, user_id: str) -> Standing:
        """Ask after 2, 4, 8 and 16 s until the coupon is issued; return what was said last."""
        return self._carry(protocol.issued(event_id, user_id, self._patience))

    def event(self, event_id: str) -> Event:
        """Look at the event."""
        return self._carry(protocol.event(event_id, self._patience))

    def redeem(self, event_id: str, *, key: str, code: str | None = None, user_id: str | None = None) -> Redemption:
        """Redeem one coupon, by its code, or by its owner where the event has no codes."""
        return self._carry(protocol.redeeming(event_id, key, code, user_id, self._patience))

    def take_back(self, event_id: str, key: str) -> None:
        """Take a redemption back."""
        self._carry(protocol.taking_back(event_id, key, self._patience))

    def _carry(self, conversation: Conversation[T]) -> T:
        heard: Reply | Silence | None = None
        while True:
            try:
                step = conversation.send(heard)
            except StopIteration as end:
                value: T = end.value
                return value
            if isinstance(step, Request):
                heard = self._ask(step)
            else:
                heard = None
                time.sleep(step.seconds)

    def _ask(self, request: Request) -> Reply | Silence:
        try:
            return _reply(self._http.request(request.method, request.path, json=request.body))
        except httpx.HTTPError as trouble:
            return _silence(trouble)


class AsyncClient:
    """The same as `Client`, for asyncio: one may be shared by many tasks."""

    def __init__(
        self,
        url: str,
        *,
        auth: httpx.Auth | None = None,
        headers: dict[str, str] | None = None,
        patience: Patience | None = None,
        limits: httpx.Limits | None = None,
    ) -> None:
        """Keep the address; `limits` bounds the connections."""
        self._http = httpx.AsyncClient(
            base_url=url, auth=auth, headers=headers, timeout=TIMEOUT, limits=limits or httpx.Limits()
        )
        self._patience = patience or Patience()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def apply(self, event_id: str, user_id: str) -> Application:
        """Apply for a coupon; the same person is always given the same ticket."""
        return await self._carry(protocol.applying(event_id, user_id, self._patience))

    async def status(self, event_id: str, user_id: str) -> Standing:
        """Ask how far an application has come."""
        return await self._carry(protocol.standing(event_id, user_id, self._patience))

    async def issued(self, event_id: str, user_id: str) -> Standing:
        """Ask after 2, 4, 8 and 16 s until the coupon is issued; return what was said last."""
        return await self._carry(protocol.issued(event_id, user_id, self._patience))

    async def event(self, event_id: str) -> Event:
        """Look at the event."""
        return await self._carry(protocol.event(event_id, self._patience))

    async def redeem(
        self, event_id: str, *, key: str, code: str | None = None, user_id: str | None = None
    ) -> Redemption:
        """Redeem one coupon, by its code, or by its owner where the event has no codes."""
        return await self._carry(protocol.redeeming(event_id, key, code, user_id, self._patience))

    async def take_back(self, event_id: str, key: str) -> None:
        """Take a redemption back."""
        await self._carry(protocol.taking_back(event_id, key, self._patience))

    async def _carry(self, conversation: Conversation[T]) -> T:
        heard: Reply | Silence | None = None
        while True:
            try:
                step = conversation.send(heard)
            except StopIteration as end:
                value: T = end.value
                return value
            if isinstance(step, Request):
                heard = await self._ask(step)
            else:
                heard = None
                await asyncio.sleep(step.seconds)

    async def _ask(self, request: Request) -> Reply | Silence:
        try:
            return _reply(await self._http.request(request.method, request.path, json=request.body))
        except httpx.HTTPError as trouble:
            return _silence(trouble)


def _reply(response: httpx.Response) -> Reply:
    try:
        body = response.json()
    except ValueError:
        body = None
    named = response.headers.get("retry-after", "")
    return Reply(
        response.status_code, body if isinstance(body, dict) else None, float(named) if named.isdecimal() else 0.0
    )


def _silence(trouble: httpx.HTTPError) -> Silence:
    return Silence(f"{type(trouble).__name__}: {trouble}", sent=not isinstance(trouble, NEVER_SENT))
