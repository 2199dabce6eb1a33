"""A connection to one broker, driven by the calling thread: TCP, TLS, SASL, then one request at a time."""

import select
import socket
import ssl
import struct
import time
from typing import Any

from kafka.errors import (
    KafkaProtocolError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
    for_code,
)
from kafka.net.sasl import get_sasl_mechanism
from kafka.protocol.broker_version_data import BrokerVersionData
from kafka.protocol.parser import KafkaProtocol
from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

from firstcome.stream.backoff import TooManyConnectsError
from firstcome.stream.connect import KAFKA_API_VERSION

Address = tuple[str, int]

RECEIVE_BYTES = 65_536
ANSWER_BYTES_MAX = 1_000_000  # an answer of more is none of Kafka's; the library's limit
SESSION_SHARE = 0.85  # of a SASL session's lifetime, after which a connection is replaced: brokers cut it at the end
# A connection that is closed takes its unsent bytes with it. Otherwise the kernel goes on trying to deliver a record
# that was given up, for minutes, and after the thaw of a frozen environment.
NO_LINGER = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

# Of the message with which MSK answers an IAM client beyond its rate of new connections ("[id]: Too many connects").
# The error's code is that of a wrong password.
TOO_MANY = "too many connect"

VERSIONS = BrokerVersionData(KAFKA_API_VERSION)


def after(milliseconds: float) -> float:
    """Return the deadline (monotonic seconds) that is so far away."""
    return time.monotonic() + milliseconds / 1000


def left_s(deadline: float) -> float:
    """Return how many seconds are left; raise `TimeoutError` when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is up")
    return left


def tls_context(config: dict[str, Any]) -> ssl.SSLContext | None:
    """Return how TLS is spoken, if it is: the broker proves its name to a CA of ours, or of the system."""
    if config["security_protocol"] not in ("SSL", "SASL_SSL"):
        return None
    context = ssl.create_default_context(cafile=config["ssl_cafile"])
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Connection:
    """One blocking socket. Every call raises OSError or a KafkaError; after an OSError it is of no more use.

    `config` is what the library's clients are given. The constructor connects, within `deadline`, or raises
    `TooManyConnectsError`.
    """

    def __init__(self, address: Address, config: dict[str, Any], tls: ssl.SSLContext | None, deadline: float) -> None:
        self.address = address
        self.quiet_until = 0.0  # monotonic: a broker that throttles reads no request before
        self._protocol = KafkaProtocol(client_id=config["client_id"], ident=f"{address[0]}:{address[1]}")
        self._idle_s = config["connections_max_idle_ms"] / 1000
        self._renew_at = float("inf")
        self._answered = False
        self._socket = _connect(address, deadline)
        try:
            if tls is not None:
                self._socket.settimeout(left_s(deadline))
                self._socket = tls.wrap_socket(self._socket, server_hostname=address[0].rstrip("."))
            if config["security_protocol"].startswith("SASL_"):
                self._authenticate(config, deadline)
        except BaseException:
            self.close()
            raise
        self._used_at = time.monotonic()
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    @property
    def usable(self) -> bool:
        """Whether it is young enough, and open as far as this side knows.

        A broker says nothing unasked, so that there is something to read means that it has hung up; but before its
        first answer that may be the tickets of TLS.
        """
        now = time.monotonic()
        if now >= self._renew_at or now - self._used_at >= self._idle_s:
            return False
        return not (self._answered and self._poll.poll(0))

    def exchange(self, request: bytes, deadline: float) -> bytes:
        """Send a whole request, sized; return its answer, sized."""
        self._socket.settimeout(left_s(deadline))
        self._socket.sendall(request)
        answer, size = b"", 4
        while len(answer) < size:
            self._socket.settimeout(left_s(deadline))
            if not (part := self._socket.recv(RECEIVE_BYTES)):
                raise ConnectionResetError("the broker has closed the connection")
            answer += part
            if size == 4 <= len(answer):
                size += int.from_bytes(answer[:4])
                if size > ANSWER_BYTES_MAX:
                    raise KafkaProtocolError(f"an answer of {size} bytes")
        if len(answer) > size:
            raise KafkaProtocolError("more than one answer")
        self._used_at = time.monotonic()
        self._answered = True
        return answer

    def ask(self, request: Any, deadline: float) -> Any:
        """Return the answer to one of the library's requests."""
        request.API_VERSION = VERSIONS.api_version(request)
        self._protocol.send_request(request)
        answer = self.exchange(self._protocol.send_bytes(), deadline)
        [(_, response)] = self._protocol.receive_bytes(answer)
        return response

    def close(self) -> None:
        """Close it at once, with whatever it still has to send."""
        self._socket.close()

    def _authenticate(self, config: dict[str, Any], deadline: float) -> None:
        name = config["sasl_mechanism"]
        response = self.ask(SaslHandshakeRequest(mechanism=name), deadline)
        if response.error_code or name not in response.mechanisms:
            raise UnsupportedSaslMechanismError(f"the broker offers {response.mechanisms}, not {name}")
        mechanism = get_sasl_mechanism(name)(host=self.address[0], **config)
        while not mechanism.is_done():
            response = self.ask(SaslAuthenticateRequest(mechanism.auth_bytes()), deadline)
            if response.error_code:
                reason = f"{for_code(response.error_code).__name__}: {response.error_message}"
                too_many = TOO_MANY in (response.error_message or "").lower()
                raise (TooManyConnectsError if too_many else SaslAuthenticationFailedError)(reason)
            mechanism.receive(response.auth_bytes)
        if not mechanism.is_authenticated():
            raise SaslAuthenticationFailedError(name)
        if response.session_lifetime_ms > 0:
            self._renew_at = after(response.session_lifetime_ms * SESSION_SHARE)


def _connect(address: Address, deadline: float) -> socket.socket:
    """Return a socket to the first of the name's addresses that takes one."""
    error: OSError = OSError(f"{address[0]} has no address")
    for family, kind, protocol, _, where in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
        connected = socket.socket(family, kind, protocol)
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setsockopt(*NO_LINGER)
            connected.settimeout(left_s(deadline))
            connected.connect(where)
        except OSError as failed:
            connected.close()
            error = failed
        else:
            return connected
    raise error
