"""Secrets Manager at an address of this machine, for processes that read secrets as on Lambda; moto keeps them."""

from __future__ import annotations

import json
import threading
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import boto3
import moto
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "eu-central-1"


class SecretServer:
    """Answers `GetSecretValue`, and counts how often it was asked."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.asked: list[str] = []  # the secrets' ARNs
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """Serve until the block ends."""
        with moto.mock_aws():
            server = cls(boto3.client("secretsmanager", region_name=REGION))
            thread = threading.Thread(target=server._http.serve_forever, name="secrets", daemon=True)
            thread.start()
            try:
                yield server
            finally:
                server._http.shutdown()
                thread.join()
                server._http.server_close()

    def keep(self, username: str, password: str) -> str:
        """Return the ARN of a new secret."""
        content = json.dumps({"username": username, "password": password})
        return str(self._client.create_secret(Name=uuid.uuid4().hex, SecretString=content)["ARN"])

    @property
    def environ(self) -> dict[str, str]:
        """The variables of a process that reads secrets here."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._http.server_port}",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "of nobody",
        }

    def _answer(self, secret: str) -> tuple[int, dict[str, str]]:
        self.asked.append(secret)
        try:
            found = self._client.get_secret_value(SecretId=secret)
        except ClientError as error:
            return 400, {"__type": error.response["Error"]["Code"], "message": str(error)}
        return 200, {name: found[name] for name in ("ARN", "Name", "VersionId", "SecretString")}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, found = answer(request["SecretId"])
                body = json.dumps(found).encode()
                self.send_response(status)
                self.send_header("content-type", "application/x-amz-json-1.1")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        return Handler
