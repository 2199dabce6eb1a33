"""What apply has to do with in a deployment: passwords in Secrets Manager, Redis over TLS, and Kafka over TLS and IAM.

No broker outside of AWS knows IAM. So a door before the run's own broker speaks TLS and takes every token; what the
function does is the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import redis

from benchmarks.harness.bench import PATIENT, Bench
from dev.recipes import HOST, REDIS, Recipe
from dev.secret_server import SecretServer
from dev.servers import Server
from firstcome.settings import Settings
from tests.doors import Door
from tests.integration.tls.authority import Authority

PASSWORD = "of-this-run"  # noqa: S105  of a server that ends with it


@contextmanager
def deployed(bench: Bench) -> Iterator[tuple[dict[str, str], Settings]]:
    """Lend servers as a deployment has them; the ledger and the broker behind the door are the run's own.

    They are lent as the variables of an environment of apply, and as the settings of who looks after the same gate.
    """
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
        door = stack.enter_context(Door.to(bench.settings.kafka_bootstrap))
        door.certified_by(authority.cert_file, authority.key_file)
        more = {
            "REDIS_URL": f"rediss://{HOST}:{server.port}/0",
            "REDIS_CA_FILE": str(authority.ca_file),
            "REDIS_TIMEOUT_MS": "10000",
            "REDIS_SECRET_ARN": secrets.keep("default", PASSWORD),
            "MYSQL_SECRET_ARN": secrets.keep("root", ""),
            "KAFKA_BOOTSTRAP": door.address,
            "KAFKA_CA_FILE": str(authority.ca_file),
            "KAFKA_SECURITY": "AWS_MSK_IAM",
        }
        environ = bench.environ | PATIENT | secrets.environ | {f"FIRSTCOME_{key}": more[key] for key in more}
        url = f"rediss://:{PASSWORD}@{HOST}:{server.port}/0"
        yield environ, replace(bench.settings, redis_url=url, redis_ca_file=more["REDIS_CA_FILE"])


def _redis(authority: Authority) -> Recipe:
    def command(folder: Path, host: str, port: int, programs: Mapping[str, str]) -> list[str]:
        tls = f"--port 0 --tls-port {port} --tls-cert-file {authority.cert_file} --tls-key-file {authority.key_file}"
        more = f"--tls-ca-cert-file {authority.ca_file} --tls-auth-clients no --requirepass {PASSWORD}"
        return [*REDIS.command(folder, host, port, programs), *tls.split(), *more.split()]

    def probe(_: str, port: int) -> None:
        with redis.Redis(HOST, port, ssl=True, ssl_ca_certs=str(authority.ca_file), password=PASSWORD) as client:
            client.ping()

    return replace(REDIS, name="redis-tls", command=command, probe=probe)
