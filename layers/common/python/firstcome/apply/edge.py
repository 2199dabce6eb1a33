"""The edge in front of the applicants' API, which shows by a secret header that a request came through it."""

import hmac
from hashlib import sha256
from typing import Any

from firstcome.apply.problem import Problem

HEADER = "x-firstcome-edge"  # as API Gateway hands it over, in lower case


class Edge:
    """Refuses what went around the edge. Without hashes there is none, and nobody is refused."""

    def __init__(self, hashes: str) -> None:
        """Take the SHA-256, in hex, of the secret; two of them, comma separated, while it is being changed."""
        self._hashes = [each for each in hashes.split(",") if each]

    def check(self, event: dict[str, Any]) -> None:
        """Raise `Problem` where the request brings no secret of the edge; back ends, which sign, need none."""
        if not self._hashes or (event["requestContext"].get("authorizer") or {}).get("iam"):
            return
        said = sha256(event["headers"].get(HEADER, "").encode()).hexdigest()
        # Every hash is compared, each in constant time: how long it takes says nothing.
        if not sum(hmac.compare_digest(said, each) for each in self._hashes):
            raise Problem("not_by_the_edge")
