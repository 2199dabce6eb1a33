"""A static front: one folder of `web/` at an origin of its own, with the headers that docs/page.md asks of any host.

python -m dev.pages FOLDER LISTENING_SOCKET CONFIG    CONFIG is what /config.json answers, as JSON
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from contextlib import contextmanager
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from dev import edge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WEB = Path(__file__).resolve().parent.parent / "web"
CONFIG_PATH = "/config.json"
# Every kind of file that a page of ours has: what is not in this list is not served, such as a licence or a README.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
_IDLE_S = 30  # a connection on which nothing comes is closed


class Answer(NamedTuple):
    """What goes back to the browser."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


class Pages:
    """The files of one folder and its configuration, without sockets."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        """Serve `folder`; `config` names the addresses of `api` and `issuer`, which alone its pages may ask."""
        self._folder = folder.resolve()
        self._config = json.dumps(config).encode()
        self._headers = headers(config)

    def answer(self, method: str, target: str, modified_since: str | None = None) -> Answer:
        """Return the file at the path of `target`, 304 where the browser has it already, or 404."""
        if method not in ("GET", "HEAD"):
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, {**self._headers, "allow": "GET, HEAD"})
        path = unquote(urlsplit(target).path)
        if path == CONFIG_PATH:
            return Answer(HTTPStatus.OK, {**self._headers, "content-type": TYPES[".json"]}, self._config)
        file = self._file(path)
        if file is None:
            return Answer(HTTPStatus.NOT_FOUND, {**self._headers, "content-type": "text/plain"}, b"Nothing here\n")
        modified = formatdate(file.stat().st_mtime, usegmt=True)
        said = {**self._headers, "content-type": TYPES[file.suffix], "last-modified": modified}
        if modified_since and _is_unchanged(modified, modified_since):
            return Answer(HTTPStatus.NOT_MODIFIED, said)
        return Answer(HTTPStatus.OK, said, file.read_bytes())

    def _file(self, path: str) -> Path | None:
        """Return the file that a decoded path names; None for whatever is not below the folder."""
        name = path.lstrip("/") or "index.html"
        if "\0" in name:
            return None
        file = (self._folder / name).resolve()
        return file if file.is_relative_to(self._folder) and file.suffix in TYPES and file.is_file() else None


def headers(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of every answer: no script, style, font or request but our own, and the API's and issuer's."""
    elsewhere = dict.fromkeys(origin(config[name]) for name in ("api", "issuer") if config.get(name))
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": " ".join(["'self'", *elsewhere]),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        **edge.HEADERS,
        "cache-control": "no-cache",  # kept, and asked about each time: who changes a page sees it at once
    }


def origin(url: str) -> str:
    """Return scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@contextmanager
def serving(folder: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """Serve `folder` from threads of this process meanwhile; yield the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = _server(listener, Pages(folder, config))
    thread = threading.Thread(target=server.serve_forever, name=f"serves {folder.name}")
    thread.start()
    host, port = listener.getsockname()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Request(BaseHTTPRequestHandler):
    """One request of a browser."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    pages: Pages

    def _answer(self) -> None:
        status, said, body = self.pages.answer(self.command, self.path, self.headers.get("if-modified-since"))
        self.send_response(status)
        for name, value in said.items():
            self.send_header(name, value)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_OPTIONS = _answer  # noqa: N815  the names that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  as http.server has it
        """Write nothing: which files a page has is no news, and a code of the issuer may be in the query."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a browser keeps its connections: nobody waits for those that are idle
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Say nothing of a browser that has gone."""


def _server(listener: socket.socket, pages: Pages) -> _Server:
    handler = type("Request", (_Request,), {"pages": pages})
    server = _Server(("", 0), handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    return server


def _is_unchanged(modified: str, since: str) -> bool:
    try:
        return parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):  # no date, or one without a zone
        return False


def main() -> None:
    """Serve until killed."""
    folder, descriptor, config = sys.argv[1:]
    _server(socket.socket(fileno=int(descriptor)), Pages(Path(folder), json.loads(config))).serve_forever()


if __name__ == "__main__":
    main()
