"""An execution environment: one process, one function, one request at a time, and it may be killed at any moment.

    python -m dev.environment FUNCTIONS_JSON NAME LISTENING_SOCKET

It serves HTTP/1.1 on a socket that it inherits, so that a request which finds it dead waits for its successor, as
behind a cold start. What comes under Lambda's Invoke path is an invocation; everything else goes through API Gateway's
translation first. The front sends one request at a time, already checked and normalized: for that the few lines of
HTTP below suffice (docs/decisions compares them with a general server).
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import os
import secrets
import select
import signal
import socket
import sys
import time
import traceback
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from dev import gateway
from dev.http_api import HEADER, HttpApi, JwtApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INVOKE_PATH = "/2015-03-31/functions/"
BODY_LIMIT = 10 * 1024 * 1024  # API Gateway's; the front enforces it where a length is announced
_RECEIVE = 65_536  # from 128 KiB on, malloc maps and unmaps the buffer each time, which takes longer than all the rest


class Context:
    """What Lambda hands to a handler beside the event."""

    function_version = "$LATEST"
    identity = None
    client_context = None
    tenant_id = None

    def __init__(self, function: dict[str, Any], log_stream: str) -> None:
        """Describe `function`; `begin` makes it the context of one invocation."""
        self.function_name: str = function["name"]
        self.memory_limit_in_mb = str(function["memory_mb"])
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = log_stream
        self.aws_request_id = ""
        self._request_ids = numbered(str(uuid.uuid4())[:24], 12)
        self._timeout_s: float = function["timeout_s"]
        self._deadline = 0.0

    def begin(self) -> str:
        """Start the clock of one invocation; return its request id."""
        self.aws_request_id = next(self._request_ids)
        self._deadline = time.monotonic() + self._timeout_s
        return self.aws_request_id

    def get_remaining_time_in_millis(self) -> int:
        """Return how long this invocation may still take; never below zero."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def numbered(prefix: str, digits: int) -> Iterator[str]:
    """Return ids for ever: chance once, then counted, because chance for each of them costs system calls."""
    return (f"{prefix}{number:0{digits}x}" for number in itertools.count())


class Gone(Exception):  # noqa: N818  the other side has left: not an error of ours
    """The front closed the connection before the request was whole."""


class Environment:
    """One function and the connection whose request it works on."""

    def __init__(self, function: dict[str, Any], handler: Callable[[Any, Any], Any], issuer: Path) -> None:
        """Prepare to serve `handler` under the limits of `function`; `issuer` describes whose tokens count."""
        self._handler = handler
        self._apis: dict[str, HttpApi] = {api["name"]: JwtApi(api, issuer) for api in function["apis"]}
        self._apis[""] = HttpApi([(method, path) for method, path in function["routes"]])
        self._timeout_s: float = function["timeout_s"]
        self._context = Context(function, f"{time.strftime('%Y/%m/%d')}/[$LATEST]{secrets.token_hex(16)}")
        self._gateway_ids = numbered(secrets.token_urlsafe(6), 8)
        self._connection: socket.socket | None = None
        self._invoked = False
        signal.signal(signal.SIGALRM, self._timed_out)

    def serve(self, listener: socket.socket) -> NoReturn:
        """Return requests for ever, one at a time, whichever connection they come on."""
        connections: dict[int, socket.socket] = {}
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == listener.fileno():
                    connection, _ = listener.accept()
                    connections[connection.fileno()] = connection
                    poll.register(connection, select.POLLIN)
                    continue
                try:
                    self._answer(connections[descriptor])
                except (Gone, OSError):
                    poll.unregister(descriptor)
                    connections.pop(descriptor).close()

    def _answer(self, connection: socket.socket) -> None:
        request = receive(connection)
        self._connection = connection
        if request is None:
            reply = gateway.too_large()
        elif request.target.startswith(INVOKE_PATH):
            reply = self._invocation(request)
        else:
            reply = self._http(request)
        connection.sendall(reply)

    def _http(self, request: gateway.Request) -> bytes:
        request_id = next(self._gateway_ids)
        api = self._apis[request.headers.pop(HEADER, "")]
        event = api.event(request, request_id)
        self._invoked = False
        try:
            if isinstance(event, bytes):
                reply = event
            else:
                reply = gateway.response(api.answer(self._call(event), request.headers), request_id)
        except Exception as error:  # noqa: BLE001  whatever a handler raises, API Gateway answers 500
            self._log(error)
            reply = gateway.internal_error(request_id)
        return reply if request.method != "HEAD" else reply[: reply.index(b"\r\n\r\n") + 4]

    def _invocation(self, request: gateway.Request) -> bytes:
        self._invoked = True
        try:
            return self._invoked_reply(json.dumps(self._call(json.loads(request.body or b"{}"))))
        except Exception as error:  # noqa: BLE001  whatever a handler raises, Lambda answers 200 and says so
            self._log(error)
            trace = traceback.format_list(traceback.extract_tb(error.__traceback__)[2:])
            return self._failed_reply(type(error).__name__, str(error), trace)

    def _call(self, event: Any) -> Any:
        self._context.begin()
        signal.setitimer(signal.ITIMER_REAL, self._timeout_s)
        try:
            return self._handler(event, self._context)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _timed_out(self, _signal: int, _frame: object) -> NoReturn:
        """End this process, as Lambda does; only the client of this request is told."""
        message = f"Task timed out after {self._timeout_s:.2f} seconds"
        print(f"{self._context.aws_request_id} {message}", flush=True)
        reply = gateway.internal_error(self._context.aws_request_id)
        if self._invoked:
            reply = self._failed_reply("Sandbox.Timedout", f"RequestId: {self._context.aws_request_id} {message}", [])
        if self._connection is not None:
            with contextlib.suppress(OSError):  # it has left
                self._connection.sendall(reply)
        os._exit(1)

    def _failed_reply(self, kind: str, message: str, trace: list[str]) -> bytes:
        request_id = self._context.aws_request_id
        said = {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}
        return self._invoked_reply(json.dumps(said), {"x-amz-function-error": "Unhandled"})

    def _invoked_reply(self, answer: str, headers: dict[str, str] | None = None) -> bytes:
        request_id = self._context.aws_request_id
        said = {**gateway.JSON, "x-amzn-requestid": request_id, "x-amz-executed-version": "$LATEST", **(headers or {})}
        return gateway.compose(200, said, answer.encode())

    def _log(self, error: Exception) -> None:
        print(f"[ERROR] {self._context.aws_request_id}", "".join(traceback.format_exception(error)), flush=True)


def receive(connection: socket.socket) -> gateway.Request | None:
    """Read one request; None when its body is over the limit. Raises `Gone` when the other side closes before its end.

    The front has checked and normalized it; an absolute target keeps only its path.
    """
    data = connection.recv(_RECEIVE)
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(connection)
    first, *lines = data[:end].decode("latin-1").split("\r\n")
    method, target, protocol = first.split(" ", 2)
    if target[0] != "/":
        target = "/" + target.partition("://")[2].partition("/")[2]
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    body = data[end + 4 :]
    if "content-length" in headers:
        length = int(headers["content-length"])
        if len(body) < length:
            parts, missing = [body], length - len(body)
            while missing > 0:
                parts.append(_more(connection))
                missing -= len(parts[-1])
            body = b"".join(parts)
    elif "transfer-encoding" in headers:
        return _chunked(connection, gateway.Request(method, target, protocol, headers, body))
    return gateway.Request(method, target, protocol, headers, body)


def _chunked(connection: socket.socket, request: gateway.Request) -> gateway.Request | None:
    """Read on until the last chunk, which the front sends without trailers; None when the body is over the limit."""
    del request.headers["transfer-encoding"]
    data, body = request.body, b""
    while True:
        while (end := data.find(b"\r\n")) < 0:
            data += _more(connection)
        size = int(data[:end].partition(b";")[0], 16)
        while len(data) < end + 2 + size + 2:
            data += _more(connection)
        if size == 0:
            return request._replace(body=body) if len(body) <= BODY_LIMIT else None
        if len(body) <= BODY_LIMIT:  # past the limit: read on, keep nothing
            body += data[end + 2 : end + 2 + size]
        data = data[end + 2 + size + 2 :]


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(_RECEIVE)
    if not data:
        raise Gone
    return data


def load(function: dict[str, Any]) -> Callable[[Any, Any], Any]:
    """Import the function's handler; if that fails, answer one that fails every request with the same error."""
    sys.path[0] = function["code"]  # in place of this repository's root, which no function may see
    module, _, name = function["handler"].rpartition(".")
    try:
        handler: Callable[[Any, Any], Any] = getattr(importlib.import_module(module.replace("/", ".")), name)
    except Exception as caught:  # noqa: BLE001  whatever the module raises, the request has to hear of it
        error, where = caught, caught.__traceback__
        traceback.print_exception(error)

        def handler(_event: object, _context: object) -> NoReturn:
            raise error.with_traceback(where)  # otherwise it grows with every request

    return handler


def main() -> NoReturn:
    """Serve the function named on the command line until killed."""
    functions, name, descriptor = sys.argv[1:]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a killed process keeps its log
    function = next(found for found in json.loads(Path(functions).read_text()) if found["name"] == name)
    issuer = Path(functions).with_name("issuer.json")
    Environment(function, load(function), issuer).serve(socket.socket(fileno=int(descriptor)))


if __name__ == "__main__":
    main()
