"""A door as MSK's with IAM, before a real broker: it lets in so many new connections a second, and refuses the others.

Who is let in talks to the broker itself. The door speaks TLS where it is given a certificate, and the two requests of
SASL; it verifies no signature.
"""

from __future__ import annotations

import json
import ssl
import struct
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from tests.proxy import KafkaProxy, hang_up

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from tests.proxy import Pair

SASL_AUTHENTICATION_FAILED = 58
TOO_MANY = "Too many connects"
SECOND_S = 1.0
SILENCE_S = 120  # of a client, then its connection ends; a limit also keeps TLS's reads from locking out its writes


class Door(KafkaProxy):
    """Counts who asks to be let in. A refused one counts as much as any other: who knocks on keeps the door shut."""

    def __init__(self, upstream: Callable[[], tuple[str, int]]) -> None:
        super().__init__(upstream)
        self.limit = 10**9  # new connections a second
        self.mechanism = "AWS_MSK_IAM"
        self.no = TOO_MANY  # what who is refused is told
        self.tls: ssl.SSLContext | None = None
        self.now: Callable[[], float] = time.monotonic
        self.knocks: list[float] = []  # when each asked to be let in
        self.refused = 0
        self.shown: list[bytes] = []  # with what
        self._counting = threading.Lock()

    def certified_by(self, cert_file: Any, key_file: Any) -> None:
        """Speak TLS from now on."""
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(cert_file, key_file)

    def lets_in(self) -> bool:
        """Count one who asks; say whether there is room for them."""
        with self._counting:
            now = self.now()
            lately = sum(1 for knock in reversed(self.knocks) if now - knock < SECOND_S)
            self.knocks.append(now)
            self.refused += lately >= self.limit
            return lately < self.limit

    def _carry(self, pair: Pair) -> None:
        pair.client.settimeout(SILENCE_S)
        try:
            if self.tls is not None:
                pair.client = self.tls.wrap_socket(pair.client, server_side=True)
            let_in = self._talk(pair.client)
        except OSError:
            let_in = False
        if not let_in:
            hang_up(pair.client)
            hang_up(pair.server)
        super()._carry(pair)

    def _talk(self, client: socket.socket) -> bool:
        """Answer both requests of SASL; return whether the second was granted."""
        handshake = _frame(client)
        mechanism = self.mechanism.encode()
        offered = struct.pack(">hih", 0, 1, len(mechanism)) + mechanism
        client.sendall(_sized(handshake[4:8] + offered))
        authenticate = _frame(client)
        self.shown.append(authenticate)
        let_in = self.lets_in()
        code, said = (0, b"\0") if let_in else (SASL_AUTHENTICATION_FAILED, _text(f"[{uuid.uuid4()}]: {self.no}"))
        proof = _text('{"version": "2020_10_22"}' if let_in and self.mechanism == "AWS_MSK_IAM" else "")
        client.sendall(
            _sized(authenticate[4:8] + b"\0" + struct.pack(">h", code) + said + proof + struct.pack(">q", 0) + b"\0")
        )
        return let_in

    def proofs(self) -> list[dict[str, str]]:
        """What each has shown of IAM's, in turn."""
        return [json.loads(shown[shown.index(b"{") : shown.rindex(b"}") + 1]) for shown in self.shown]


def _frame(client: socket.socket) -> bytes:
    """Return the next request without its size: key, version, correlation id, and so on."""
    (size,) = struct.unpack(">i", _exactly(client, 4))
    return _exactly(client, size)


def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (part := client.recv(size - len(data))):
            raise ConnectionResetError("hung up")
        data += part
    return data


def _sized(answer: bytes) -> bytes:
    return struct.pack(">i", len(answer)) + answer


def _text(text: str) -> bytes:
    """Return a string of Kafka's compact form, of less than 127 bytes."""
    encoded = text.encode()
    return bytes([len(encoded) + 1]) + encoded
