"""The local identity provider as a process; what it says is in `dev.oidc`.

python -m dev.issuer RUN_FOLDER LISTENING_SOCKET
"""

from __future__ import annotations

import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from dev.identity import Identity
from dev.oidc import Issuer

_BODY_LIMIT = 65_536  # a form of a few short fields
_IDLE_S = 30  # a connection on which nothing comes is closed


class _Request(BaseHTTPRequestHandler):
    """One request of a browser."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    issuer: Issuer

    def _answer(self) -> None:
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > _BODY_LIMIT:
            self.send_error(413)
            return
        body = self.rfile.read(int(length)).decode(errors="replace")
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, said, content = self.issuer.answer(self.command, self.path, headers, body)
        self.send_response(status)
        for name, value in said.items():
            self.send_header(name, value)
        encoded = content.encode()
        if status != 204:
            self.send_header("content-length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    do_GET = do_POST = do_OPTIONS = _answer  # noqa: N815  the names that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  as http.server has it
        """Write the line without the query: a code or a token may be in it."""
        print(self.log_date_time_string(), (format % args).partition("?")[0])


def main() -> None:
    """Serve until killed."""
    folder, descriptor = sys.argv[1:]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a killed process keeps its log
    _Request.issuer = Issuer(Identity(Path(folder)))
    server = ThreadingHTTPServer(("", 0), _Request, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=int(descriptor))
    server.serve_forever()


if __name__ == "__main__":
    main()
