"""What a MySQL says before the first statement: a password that needs TLS, or words of another protocol."""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.ledger import Ledger
from firstcome.rules import Unavailable, Unsuitable
from tests.operators import Door, token
from tests.patience import PATIENCE_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from firstcome.settings import Settings
    from tests.api import Api
    from tests.world import World


GREETING = (
    b"\x0a" + b"9.7.4\x00" + b"\x01\x00\x00\x00" + b"saltsalt\x00"  # protocol 10, version, thread, half of the salt
    b"\xff\xf7" + b"\xff\x02\x00" + b"\xff\xdf" + b"\x15" + bytes(10)  # what it can: no TLS; how long the salt is
    + b"saltsaltsalt\x00" + b"caching_sha2_password\x00"
)  # fmt: skip


ASK_FOR_ALL = b"\x01\x04"  # it does not remember the password


PUBLIC_KEY = b"\x01-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"


@contextmanager
def a_server_that_says(*packets: bytes, raw: bytes = b"") -> Iterator[int]:
    """A server that greets with the first packet, and answers each of the client's with the next; its port."""

    def serve(client: socket.socket) -> None:
        with client, suppress(OSError):
            for number, packet in enumerate(packets):
                if number:
                    client.recv(65_536)
                client.sendall(len(packet).to_bytes(3, "little") + bytes([2 * number]) + packet)
            client.sendall(raw)

    def accept() -> None:
        with suppress(OSError):  # of a listener that is closed
            while True:
                serve(listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


@contextmanager
def a_cold_mysql() -> Iterator[str]:
    """The URL of a MySQL without TLS that does not remember the password: it was started anew, or flushed."""
    with a_server_that_says(GREETING, ASK_FOR_ALL, PUBLIC_KEY) as port:
        yield f"mysql://shop:hunter2@127.0.0.1:{port}/firstcome"


def test_a_password_that_needs_tls_is_said_by_name(ledger_settings: Settings) -> None:
    """It is no fault of the code: nobody knows anything until the setting is mended, and the error says which."""
    with a_cold_mysql() as url:
        cold = replace(ledger_settings, mysql_url=url)
        with pytest.raises(Unsuitable, match=r"over TLS only: set mysql_ca_file") as caught:
            Ledger(partial(mysql_connection, cold, PATIENCE_MS), cold).gated_events(0)
    assert "hunter2" not in str(caught.value)


def test_apply_says_try_again_while_a_password_needs_tls(
    start: Callable[..., Api], world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """503 and one line of the log, not a traceback a request."""
    with a_cold_mysql() as url:
        api = start(mysql_url=url)
        assert api.status(world.event_id, "alice").code == (503, "try_again")
    [line] = [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert "over TLS only: set mysql_ca_file" in line.__dict__["reason"]
    assert line.exc_info is None


def test_an_operator_is_told_that_a_password_needs_tls(
    load_handler: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name, and not to try again: somebody has to set it."""
    with a_cold_mysql() as url:
        monkeypatch.setenv("FIRSTCOME_MYSQL_URL", url)
        answer = Door(load_handler("operate", "web"), token("ada", "viewer")).get("/events")
    assert answer.code == (409, "unsuitable")
    assert answer.body["detail"] == "mysql: it takes this password over TLS only: set mysql_ca_file"


@pytest.mark.parametrize(
    "raw",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x05\x00\x00\x00\x0a9.7", b"\x01\x00\x00\x00\x0a", b"", b"\x00" * 64],
    ids=["http", "cut off", "no version", "nothing", "zeros"],
)
def test_a_greeting_of_another_protocol_is_unavailable(ledger_settings: Settings, raw: bytes) -> None:
    """Whatever the library makes of it, it happened while connecting: nobody was asked."""
    with a_server_that_says(raw=raw) as port:
        other = replace(ledger_settings, mysql_url=f"mysql://root@127.0.0.1:{port}/firstcome")
        with pytest.raises(Unavailable, match="mysql"):
            Ledger(partial(mysql_connection, other, PATIENCE_MS), other).gated_events(0)


@pytest.mark.parametrize(
    "error", [RuntimeError("x"), ValueError("x"), IndexError("x"), UnicodeError("x"), OSError("x")]
)
def test_whatever_is_raised_while_connecting_is_unavailable(ledger_settings: Settings, error: Exception) -> None:
    """The kind of error is named, its cause is kept."""

    def connect() -> Any:
        raise error

    with pytest.raises(Unavailable, match=f"cannot connect: {type(error).__name__}: x") as caught:
        Ledger(connect, ledger_settings).gated_events(0)
    assert caught.value.__cause__ is error
