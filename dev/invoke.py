"""Lambda's Invoke API, as the poller, the clock and the tests use it."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from dev.environment import INVOKE_PATH

# Longer than Lambda's longest timeout: the environment, and then the front, end an invocation before.
_PATIENCE_S = 960


class InvocationError(Exception):
    """The invocation failed: the function raised, was ended, or could not be reached. `said` is the function's word."""

    def __init__(self, function: str, said: dict[str, Any]) -> None:
        """Name the function and keep what it said: `errorType` and `errorMessage`, as Lambda has them."""
        super().__init__(f"{function}: {said.get('errorType')}: {said.get('errorMessage')}")
        self.said = said


class Lambda:
    """One keep-alive connection to the Invoke API; not to be shared by threads."""

    def __init__(self, url: str) -> None:
        """Keep the address; the first invocation connects."""
        self._address = urlsplit(url).netloc
        self._connection: http.client.HTTPConnection | None = None

    def invoke(self, function: str, payload: bytes) -> Any:
        """Return what `function` made of `payload`; raise `InvocationError` otherwise. It is never sent twice."""
        try:
            connection = self._connection or http.client.HTTPConnection(self._address, timeout=_PATIENCE_S)
            self._connection = connection
            connection.request("POST", f"{INVOKE_PATH}{function}/invocations", payload)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            said = {"errorType": type(error).__name__, "errorMessage": str(error)}
            raise InvocationError(function, said) from error
        said = answer if isinstance(answer, dict) else {}  # whoever listens there may not be Lambda's API at all
        if response.status != http.HTTPStatus.OK:
            raise InvocationError(function, {"errorType": str(response.status), "errorMessage": said.get("message")})
        if response.headers.get("x-amz-function-error"):
            raise InvocationError(function, said)
        return answer

    def close(self) -> None:
        """Close the connection; the next invocation opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
