"""A local cloud of one tiny function: its template, its handler that a test can hold, and who asks it."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    import pytest

    from dev.cloud import Cloud

TIMEOUT_S = 60  # no answer of a busy machine takes that long
BRIEF_S = 2  # of one that is to be too slow
MEBIBYTE = 1024 * 1024
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  TinyFunction:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: handler.handler
      CodeUri: tiny/
      Timeout: {timeout_s}
      Events:
        One: {{Type: HttpApi, Properties: {{Path: "/one/{{name}}", Method: GET}}}}
        Any: {{Type: HttpApi, Properties: {{Path: "/{{rest+}}", Method: ANY}}}}
"""
# `hold` names a port of the test's: the handler reports there and goes on when the test hangs up.
HANDLER = """
import os, socket

def handler(event, context):
    asked = event.get("queryStringParameters", {}) if "rawPath" in event else event
    if "raise" in asked:
        raise LookupError("as asked")
    if "answer" in asked:
        return asked["answer"]
    if "hold" in asked:
        with socket.create_connection(("127.0.0.1", int(asked["hold"]))) as test:
            test.sendall(str(os.getpid()).encode())
            test.recv(1)
    return {"pid": os.getpid(), "event": event, "left_ms": context.get_remaining_time_in_millis()}
"""


class Hold:
    """Keeps handlers busy until the test lets them go."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE_S)
        self.port = self._listener.getsockname()[1]
        self._held: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def arrived(self) -> int:
        """Wait for the next handler that is held; return its process id."""
        connection, _ = self._listener.accept()
        self._held.append(connection)
        return int(connection.recv(20))

    def release(self) -> None:
        """Let all handlers go that have arrived."""
        while self._held:
            self._held.pop().close()

    def __exit__(self, *_: object) -> None:
        self.release()
        self._listener.close()


def fake_haproxy(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this shell script be the haproxy that the cloud finds."""
    (folder / "haproxy").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "haproxy").chmod(0o755)
    monkeypatch.setattr("dev.install.SEARCH_PATH", str(folder))


def write_template(folder: Path, timeout_s: int = TIMEOUT_S) -> Path:
    (folder / "tiny").mkdir()
    (folder / "tiny" / "handler.py").write_text(HANDLER)
    template = folder / "template.yaml"
    template.write_text(TEMPLATE.format(timeout_s=timeout_s))
    return template


def ask(cloud: Cloud, target: str, *, method: str = "GET", body: object = None, **headers: str) -> tuple[int, Any]:
    """Ask on a connection of its own; return the status and the body."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection(urlsplit(cloud.api_url).netloc, timeout=PATIENCE_S)) as connection:
        connection.request(method, target, body, sent)  # type: ignore[arg-type]  # bytes, or an iterable for chunks
        response = connection.getresponse()
        text = response.read()
    return response.status, json.loads(text) if response.headers["content-type"] == "application/json" else text


def lives(pid: str) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_text())  # empty: dead, and not collected yet
    except (FileNotFoundError, ProcessLookupError):
        return False
