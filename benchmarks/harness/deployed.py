"""What apply has to do with in a deployment: passwords in Secrets Manager, Redis over TLS, and Kafka over TLS and IAM.

No broker outside of AWS knows IAM. So a relay before the run's own broker speaks TLS and takes every token; what the
function does is the same.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import redis

from benchmarks.harness.bench import PATIENT, Bench
from dev.recipes import HOST, REDIS, Recipe
from dev.secret_server import SecretServer
from dev.servers import Server
from firstcome.settings import Settings
from tests.integration.tls.authority import Authority

PASSWORD = "of-this-run"  # noqa: S105  of a server that ends with it
SASL_HANDSHAKE, SASL_AUTHENTICATE = 17, 36  # Kafka's keys of requests
# Answers after the correlation id. A handshake (version 1): no error, one mechanism. A token (version 2): tags of the
# header, no error, no message, no bytes but "{}", a session without end, tags.
MECHANISM = b"AWS_MSK_IAM"
OFFERED = struct.pack(">hih", 0, 1, len(MECHANISM)) + MECHANISM
LET_IN = b"\0" + struct.pack(">h", 0) + b"\0" + b"\3{}" + struct.pack(">q", 0) + b"\0"


@dataclass(frozen=True, slots=True)
class Deployed:
    """What an environment of apply is given, and the settings of who looks after the same gate."""

    environ: dict[str, str]
    settings: Settings


@contextmanager
def deployed(bench: Bench) -> Iterator[Deployed]:
    """Lend servers as a deployment has them; the ledger and the broker behind the relay are the run's own."""
    for left in ("authority", "redis-tls"):  # by the run before
        shutil.rmtree(bench.folder / left, ignore_errors=True)
    authority = Authority(bench.folder / "authority", HOST)
    with ExitStack() as stack:
        secrets = stack.enter_context(SecretServer.running())
        server = Server(_redis(authority), bench.folder / "redis-tls")
        stack.callback(server.let_go)
        stack.callback(server.stop)
        server.prepare()
        server.launch(dies_with_us=True)
        server.wait_ready()
        relay = stack.enter_context(_relay(bench.settings.kafka_bootstrap, authority))
        more = {
            "REDIS_URL": f"rediss://{HOST}:{server.port}/0",
            "REDIS_CA_FILE": str(authority.ca_file),
            "REDIS_TIMEOUT_MS": "10000",
            "REDIS_SECRET_ARN": secrets.keep("default", PASSWORD),
            "MYSQL_SECRET_ARN": secrets.keep("root", ""),
            "KAFKA_BOOTSTRAP": f"{HOST}:{relay}",
            "KAFKA_CA_FILE": str(authority.ca_file),
            "KAFKA_SECURITY": "AWS_MSK_IAM",
        }
        environ = bench.environ | PATIENT | secrets.environ | {f"FIRSTCOME_{key}": more[key] for key in more}
        url = f"rediss://:{PASSWORD}@{HOST}:{server.port}/0"
        yield Deployed(environ, replace(bench.settings, redis_url=url, redis_ca_file=more["REDIS_CA_FILE"]))


def _redis(authority: Authority) -> Recipe:
    def command(folder: Path, host: str, port: int, programs: Mapping[str, str]) -> list[str]:
        tls = f"--port 0 --tls-port {port} --tls-cert-file {authority.cert_file} --tls-key-file {authority.key_file}"
        more = f"--tls-ca-cert-file {authority.ca_file} --tls-auth-clients no --requirepass {PASSWORD}"
        return [*REDIS.command(folder, host, port, programs), *tls.split(), *more.split()]

    def probe(_: str, port: int) -> None:
        with redis.Redis(HOST, port, ssl=True, ssl_ca_certs=str(authority.ca_file), password=PASSWORD) as client:
            client.ping()

    return replace(REDIS, name="redis-tls", command=command, probe=probe)


@contextmanager
def _relay(broker: str, authority: Authority) -> Iterator[int]:
    """Lend the port of a relay before the broker, whose answers name it in the broker's place."""
    host, _, port = broker.partition(",")[0].rpartition(":")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.cert_file, authority.key_file)
    with socket.create_server((HOST, 0)) as listener:
        own = listener.getsockname()[1]
        theirs, ours = (host.encode() + struct.pack(">i", each) for each in (int(port), own))

        def serve(client: socket.socket) -> None:
            with suppress(OSError, EOFError), client, socket.create_connection((host, int(port))) as server:
                tls = context.wrap_socket(client, server_side=True)
                with tls:
                    while True:
                        key, _, said = struct.unpack_from(">hhi", frame := _frame(tls))
                        if key in (SASL_HANDSHAKE, SASL_AUTHENTICATE):
                            answer = struct.pack(">i", said) + (OFFERED if key == SASL_HANDSHAKE else LET_IN)
                        else:
                            server.sendall(struct.pack(">i", len(frame)) + frame)
                            answer = _frame(server).replace(theirs, ours)
                        tls.sendall(struct.pack(">i", len(answer)) + answer)

        def accept() -> None:
            with suppress(OSError):  # the listener is closed
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield own
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts


def _frame(source: socket.socket) -> bytes:
    """Return the next request or answer, without its size."""
    (size,) = struct.unpack(">i", _exactly(source, 4))
    return _exactly(source, size)


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (part := source.recv(size - len(data))):
            raise EOFError
        data += part
    return data
