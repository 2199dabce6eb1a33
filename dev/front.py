"""The front: haproxy, in place of API Gateway and of Lambda's scheduling.

Every environment is a server with `maxconn 1`, so that a request never waits behind a busy environment but in the
front, and goes to whichever is free first. The rest is API Gateway's limits and its words for what goes wrong, and what
the edge does before the applicants' API: its headers, and one view of an event for all.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dev import edge, routing
from dev.environment import BODY_LIMIT, INVOKE_PATH
from dev.http_api import HEADER
from dev.process import ProcessError
from dev.recipes import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dev.template import Function

_GATEWAY_TIMEOUT_S = 30  # an HTTP API waits no longer for its integration
_API = "api"  # what the names of the frontends begin with that stand for API Gateway
_INVOKE_LIMIT = 6 * 1024 * 1024  # the payload of a synchronous invocation

# On a connection that has carried requests before, haproxy answers a killed environment by closing it, and leaves it
# to the client to try again; only the first request of a connection gets the 500.
_CONFIG = """\
global
  maxconn 2000
  nbthread 1  # one is faster here: two take turns at the idle connections, and the functions need the other core
  tune.bufsize {bufsize}

defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout http-request 10s
  timeout http-keep-alive 60s
  timeout queue {gateway_timeout}s
  http-reuse safe  # a connection's first request never meets an environment that has just died
  option http-buffer-request  # a slow client keeps the front busy, not an environment
  retry-on conn-failure

cache {kept}
  total-max-size {kept_mib}
  max-age {kept_s}

{gateways}
frontend lambda
  bind fd@{lambdas}
  timeout client 1h  # the poller keeps its connection while a batch takes its time, or there is none
  timeout http-keep-alive 1h
  errorfile 502 died.http
  errorfile 504 died.http
  http-request del-header expect
  http-request return status 413 content-type application/json hdr x-amzn-errortype RequestTooLargeException \
string '{{"Type":"User","message":"Request must be smaller than {invoke_limit} bytes"}}' \
if {{ req.body_size gt {invoke_limit} }}
  http-request return status 404 content-type application/json hdr x-amzn-errortype ResourceNotFoundException \
string '{{"Type":"User","message":"Function not found"}}' unless {{ path {paths} }}
{uses}
{backends}"""

_GATEWAY = """\
frontend {name}
  bind fd@{descriptor}
  option forwardfor
  errorfile 502 500.http
  errorfile 503 503.http
  errorfile 504 503.http
  http-request del-header expect
  http-request {api_header}
  http-request return status 413 content-type application/json string '{{"message":"Request Entity Too Large"}}' \
if {{ req.body_size gt {body_limit} }}
  http-request return status 404 content-type application/json string '{{"message":"Not Found"}}' \
if {{ path_beg {invoke} }}
{openapi}{rules}  default_backend {function}
"""

_HEADERS = "".join(f"  http-after-response set-header {name} {value}\n" for name, value in edge.HEADERS.items())

_ERRORS = {
    "500": ("500 Internal Server Error", "", {"message": "Internal Server Error"}),
    "503": ("503 Service Unavailable", "", {"message": "Service Unavailable"}),
    "died": (
        "200 OK",
        "x-amz-function-error: Unhandled\r\n",
        {"errorType": "Runtime.ExitError", "errorMessage": "Error: Runtime exited without providing a reason"},
    ),
}


@dataclass(frozen=True, slots=True)
class Environments:
    """One function and the abstract socket names of its environments."""

    function: Function
    names: Sequence[str]


def listen_abstract(name: str) -> socket.socket:
    """Listen on a Unix socket without a file: nothing to clean up, and no limit on the length of a path.

    haproxy pads such a name with zero bytes to the full length, so this does the same.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(b"\0" + name.encode().ljust(107, b"\0"))
    listener.listen(16)
    return listener


def listen(preferred: int, host: str = HOST) -> socket.socket:
    """Listen on `host`, on the port `preferred` if it is free, else on one that is.

    Raise `ProcessError` where `host` is no address of this machine.
    """
    for port in (preferred, 0):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            listener.close()
            continue
        listener.listen(1024)
        return listener
    raise ProcessError(f"no free port on {host}: is it an address of this machine?")


def write(
    folder: Path,
    functions: Sequence[Environments],
    *,
    api: socket.socket,
    lambdas: socket.socket,
    openapi: Path,
    with_jwt: Mapping[str, socket.socket],
) -> str:
    """Write haproxy's configuration for these environments to `folder`, in which it has to run; return its name.

    It names the files beside it without their folder: haproxy would read a `$` or a quote in a path as its own.
    `api`, `lambdas` and `with_jwt` (by the name of an API with a JWT authorizer) are listening sockets that haproxy
    inherits: its ports cannot be lost to somebody else.
    """
    for name, (status, headers, body) in _ERRORS.items():
        text = json.dumps(body)
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {len(text)}\r\n\r\n"
        (folder / f"{name}.http").write_bytes((head + text).encode())
    served = openapi.is_file()
    if served:
        shutil.copy(openapi, folder / _OPENAPI_FILE)
    (open_to_all,) = [each.function.name for each in functions if each.function.routes]
    gateways = [_gateway(_API, api, open_to_all, f"del-header {HEADER}", _OPENAPI if served else "")]
    known = [each.function for each in functions]
    for name, listener in with_jwt.items():
        rules, behind = routing.rules(name, known), routing.default(name, known)
        rules += _HEADERS if name == edge.API else ""
        gateways.append(_gateway(f"{_API}-{name}", listener, behind, f"set-header {HEADER} {name}", rules=rules))
        gateways.append(routing.tables(name, known))
    config = "haproxy.cfg"
    (folder / config).write_text(
        _CONFIG.format(
            # What haproxy returns by itself, openapi.json, has to fit into one buffer.
            bufsize=max(65_536, 2 * openapi.stat().st_size if served else 0),
            gateway_timeout=_GATEWAY_TIMEOUT_S,
            kept=routing.KEPT,
            kept_mib=edge.KEPT_MIB,
            kept_s=edge.KEPT_S,
            gateways="\n".join(gateways),
            lambdas=lambdas.fileno(),
            invoke_limit=_INVOKE_LIMIT,
            paths=" ".join(path for each in functions for path in _paths(each.function)),
            uses="".join(_use(each.function) for each in functions),
            backends="\n".join(
                _backend(each, routing.limits(each.function.name, with_jwt, known)) for each in functions
            ),
        )
    )
    return config


def ask(api_url: str) -> None:
    """Return when the front has answered for itself: no function has this path. Its port is open before it runs."""
    with closing(http.client.HTTPConnection(urlsplit(api_url).netloc)) as connection:
        connection.request("GET", INVOKE_PATH)
        connection.getresponse().read()


_OPENAPI_FILE = "openapi.json"
_OPENAPI = f"""\
  http-request return status 200 content-type application/json file {_OPENAPI_FILE} if {{ path /openapi.json }}
"""


def _gateway(
    name: str, listener: socket.socket, function: str, api_header: str, openapi: str = "", *, rules: str = ""
) -> str:
    return _GATEWAY.format(
        name=name,
        descriptor=listener.fileno(),
        function=function,
        api_header=api_header,
        body_limit=BODY_LIMIT,
        invoke=INVOKE_PATH,
        openapi=openapi,
        rules=rules,
    )


def _paths(function: Function) -> list[str]:
    return [f"{INVOKE_PATH}{name}/invocations" for name in (function.name, function.logical_id)]


def _use(function: Function) -> str:
    return f"  use_backend {function.name} if {{ path {' '.join(_paths(function))} }}\n"


def _backend(environments: Environments, limits: Sequence[str]) -> str:
    function = environments.function
    patience_s = int(function.timeout_s) + 5  # the environment ends itself at its timeout: this is for a hung one
    lines = [
        f"backend {function.name}",
        "  balance leastconn",
        f"  timeout server {patience_s}s",
        *(f"  {line}" for line in limits),
        f"  http-request set-timeout server {_GATEWAY_TIMEOUT_S}s if {{ fe_name -m beg {_API} }}",
        *(f"  server {name} abns@{name} maxconn 1" for name in environments.names),
    ]
    return "\n".join(lines) + "\n"
