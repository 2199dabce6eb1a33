"""The operator's actions, each one invocation of `operate`."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from firstcome_cli.errors import Unknown
from firstcome_cli.places import as_payload

REQUEST_ID_BYTES = 8  # random, as hex: nobody's by chance
PAGE = 1_000  # rows of one answer: as many as every list gives
CODES_PER_REQUEST = 2_000  # of 64 characters at most: far below the payload that Lambda takes


class Operator:
    """Who acts on one place."""

    def __init__(self, invoke: Callable[[Mapping[str, Any]], dict[str, Any]], actor: str) -> None:
        """Keep how `operate` is invoked, and the name that it records."""
        self._invoke = invoke
        self._actor = actor

    def look(self, action: str, **fields: Any) -> dict[str, Any]:
        """Carry out an action that changes nothing."""
        return self._invoke(as_payload(action, fields | {"actor": self._actor}))

    def change(self, action: str, request_id: str | None = None, **fields: Any) -> dict[str, Any]:
        """Carry out an action that changes something.

        Raises `Unknown` with the request id that makes a repeat answer what this one has come to.
        """
        request_id = request_id or secrets.token_hex(REQUEST_ID_BYTES)
        try:
            return self._invoke(as_payload(action, fields | {"actor": self._actor, "request_id": request_id}))
        except Unknown as error:
            repeat = f"repeat it with --request-id {request_id}: it answers what it came to"
            raise Unknown(f"{error}; whether it was done is not known: {repeat}") from error

    def pages(self, action: str, after: str = "after", **fields: Any) -> Iterator[dict[str, Any]]:
        """Yield every row of an answer that comes in pages; its `next` goes into the field `after` of the next."""
        following: Any = None
        while True:
            page = self.look(action, **fields | {"limit": PAGE, after: following})
            yield from page["rows"]
            following = page["next"]
            if following is None:
                return
