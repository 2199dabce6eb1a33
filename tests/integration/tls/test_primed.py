"""A provisioned environment over TLS, with its passwords in Secrets Manager: what its first request finds ready."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dev.recipes import HOST
from dev.secret_server import SecretServer
from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.runtime.prime import AHEAD, TYPE
from tests.integration.tls.conftest import NAME, PASSWORD, USER, redis_admin
from tests.proxy import Proxy
from tests.world import fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.tls.conftest import Tls

ROOT = Path(__file__).parents[3]

# An environment: init, then one request for each line of stdin. Each answers what it has imported, and the response.
ENVIRONMENT = """
import json, sys
sys.path.insert(0, {folder!r})
class Context:
    aws_request_id = function_name = invoked_function_arn = memory_limit_in_mb = "cold"
import handler
before = set(sys.modules)
print("\\n@" + json.dumps([[], None]), flush=True)
for line in sys.stdin:
    answer = handler.handler(json.loads(line), Context())
    print("\\n@" + json.dumps([sorted(set(sys.modules) - before), answer]), flush=True)
"""


class Environment:
    """One execution environment of apply, whose init is over."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._said()

    def request(self, event: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
        """Return which modules it has imported since init, and the response."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()
        imported, answer = self._said()
        return imported, answer

    def _said(self) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("@"):
                return json.loads(line[1:])
        raise AssertionError("it has ended")


@contextmanager
def environment(kind: str, **variables: str) -> Iterator[Environment]:
    """Start one of this initialization type; its init is over when it is lent."""
    environ = {"PYTHONPATH": str(ROOT / "layers/common/python"), "POWERTOOLS_SERVICE_NAME": "firstcome", TYPE: kind}
    program = ENVIRONMENT.format(folder=str(ROOT / "functions" / "apply"))
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=environ | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Environment(process)
        finally:
            process.kill()


@pytest.fixture
def secrets() -> Iterator[SecretServer]:
    """Secrets Manager, with nothing in it."""
    with SecretServer.running() as server:
        yield server


@pytest.mark.parametrize("kind", [AHEAD, "on-demand"])
def test_the_first_request_of_a_primed_environment_only_asks(
    kind: str, tls: Tls, secrets: SecretServer, event_id: str
) -> None:
    """No call of Secrets Manager, no new connection to Redis, no import of botocore: init has done all of it.

    Where a person waits for init (the control), it asks nobody, and the first request does: but imports nothing.
    """
    settings = tls.settings()
    gate = Gate(redis_client(settings), settings)
    gate.configure(event_id, 1, fields(state="closed"), create=True)
    gate.close()
    with Proxy(lambda: (HOST, tls.redis.port)) as redis:
        variables = {
            "REDIS_URL": f"rediss://{NAME}:{redis.port}/0",
            "REDIS_CA_FILE": settings.redis_ca_file,
            "REDIS_SECRET_ARN": secrets.keep(USER, PASSWORD),
            "MYSQL_URL": f"mysql://{NAME}:{tls.mariadb.port}/firstcome",
            "MYSQL_CA_FILE": settings.mysql_ca_file,
            "MYSQL_SECRET_ARN": secrets.keep(USER, PASSWORD),
            "LOG_USER_IDS": "hashed",
            "LOG_KEY_SECRET_ARN": secrets.keep("key", uuid.uuid4().hex),
            "KAFKA_SECURITY": "AWS_MSK_IAM",
            "LOCAL_IDENTITY": "backend",
            "PRIME_SPREAD_MS": "1",
            **{name.upper(): str(getattr(settings, name)) for name in ("redis_timeout_ms", "mysql_connect_timeout_ms")},
        }
        with environment(
            kind, **secrets.environ, **{f"FIRSTCOME_{name}": value for name, value in variables.items()}
        ) as primed:
            before = len(secrets.asked), redis.accepted
            event = json.loads((ROOT / "events" / "apply-first.json").read_text())
            event["pathParameters"]["event_id"] = event_id
            event["rawPath"] = event["requestContext"]["http"]["path"] = f"/events/{event_id}/applications"
            imported, answer = primed.request(event)
            after = len(secrets.asked), redis.accepted
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (409, "closed")
    assert [name for name in imported if name.startswith("botocore")] == []
    if kind == AHEAD:
        assert before == after == (3, 1)
    else:
        assert before == (0, 0)
        assert after == (1, 1)


def test_a_clusters_node_is_connected_to_and_has_the_scripts(tls: Tls) -> None:
    """The first command of an application finds both."""
    host = tls.cluster_authority.host
    settings = tls.settings(host, tls.cluster_authority)
    url = settings.redis_url.replace(str(tls.redis.port), str(tls.redis_cluster.port))
    settings = replace(settings, redis_url=url, redis_cluster=True)
    gate = Gate(redis_client(settings), settings)
    with redis_admin(tls.redis_cluster.port, tls.cluster_authority) as admin:
        admin.script_flush()
        made = [admin.info("stats")["total_connections_received"]]
        for use in (partial(gate.prime, ask=True), partial(gate.apply, "E", "alice", "call")):
            use()
            made.append(admin.info("stats")["total_connections_received"])
            assert admin.script_exists(gate.script("gate").sha) == [True], use
    gate.close()
    assert made[0] < made[1] == made[2]
