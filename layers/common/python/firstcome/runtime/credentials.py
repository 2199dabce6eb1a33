"""How an environment proves who it is: passwords from Secrets Manager, and tokens signed with its own credentials.

A password is read once and remembered until a server refuses it. A token is good for one connection and is made anew
for each, from the credentials that the environment has at that moment: nothing of it outlives a freeze or a snapshot.
"""

import json
import time
from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import urlencode

from firstcome.rules import Unavailable

# One try, of a second in all: apply may need two secrets before it answers. An endpoint inside the VPC answers within
# tens of milliseconds; where it does not, the next request asks again.
SECRET_CONNECT_S = 0.5
SECRET_READ_S = 0.5

# A password that is refused for good must not become a call to Secrets Manager per request. Longer than one reading.
REREAD_S = 5.0

# The longest that AWS accepts. A token is used at once, and the connection outlives it.
TOKEN_S = 900

NOBODY = "nobody"


_known: dict[str, tuple[float, str, str]] = {}  # ARN -> when it was read (monotonic), user name, password


def credentials(secret_arn: str) -> tuple[str, str]:
    """Return user name and password from Secrets Manager, asked once per environment.

    Raise `Unavailable` when the secret cannot be read.
    """
    if secret_arn not in _known:
        _known[secret_arn] = (time.monotonic(), *_read_secret(secret_arn))
    _, username, password = _known[secret_arn]
    return username, password


def forget(secret_arn: str) -> bool:
    """Drop a secret whose password was refused, so that it is read again; return False if it was read just now."""
    if secret_arn not in _known or time.monotonic() - _known[secret_arn][0] < REREAD_S:
        return False
    del _known[secret_arn]
    return True


def forget_all() -> None:
    """Drop every secret; each is read again when it is needed next."""
    _known.clear()


def _read_secret(secret_arn: str) -> tuple[str, str]:
    # botocore costs hundreds of ms: only those deployments pay it that keep their passwords there.
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    limits = Config(connect_timeout=SECRET_CONNECT_S, read_timeout=SECRET_READ_S, retries={"total_max_attempts": 1})
    try:
        client: Any = _session().create_client("secretsmanager", config=limits)
        secret = json.loads(client.get_secret_value(SecretId=secret_arn)["SecretString"])
        return secret["username"], secret["password"]
    except (BotoCoreError, ClientError) as error:
        raise Unavailable("secret", f"{secret_arn}: {error}") from error
    except (KeyError, TypeError, ValueError):
        # Without the cause: it would carry the secret into the log.
        raise Unavailable("secret", f'{secret_arn}: expected {{"username", "password"}}') from None


def redis_token(cache_arn: str, user_arn: str) -> tuple[str, str]:
    """Return user name and token for one new connection to ElastiCache; raise `Unavailable` without credentials.

    ElastiCache asks that the id of an IAM user be its name.
    """
    region, cache, user = cache_arn.split(":")[3], cache_arn.rpartition(":")[2], user_arn.rpartition(":")[2]
    return user, _signed("elasticache", cache, region, {"Action": "connect", "User": user})


def mysql_token(user_arn: str, host: str, port: int) -> tuple[str, str]:
    """Return user name and token for one new connection to RDS; raise `Unavailable` without credentials."""
    region, user = user_arn.split(":")[3], user_arn.rpartition("/")[2]
    return user, _signed("rds-db", f"{host}:{port}", region, {"Action": "connect", "DBUser": user})


def _signed(service: str, host: str, region: str, query: dict[str, str]) -> str:
    """Return the URL of this request without its scheme, signed with the credentials of this moment."""
    from botocore.auth import SigV4QueryAuth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    request = AWSRequest("GET", f"https://{host}/?{urlencode(query)}")
    try:
        # A new session each time: it remembers the credentials that it has found. None: the signer says so.
        found: Any = _session().get_credentials()
        SigV4QueryAuth(found, service, region, expires=TOKEN_S).add_auth(request)
    except BotoCoreError as error:
        raise Unavailable("token", f"{service}: {error}") from error
    return str(request.url).removeprefix("https://")


@cache
def prime_tokens() -> None:
    """Import what signs a token. It asks nobody, and looks for no credentials."""
    _session()


@cache
def prime_secrets() -> None:
    """Import what reads a secret, and read the description of the service; asks nobody, looks for no credentials."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    with suppress(BotoCoreError):  # no region, for one: whoever reads the secret is told
        # Credentials that are none, or it would look for some. What it has read stays with the loader.
        _session().create_client("secretsmanager", aws_access_key_id=NOBODY, aws_secret_access_key=NOBODY)


def _session() -> Any:
    """Return a new session: each remembers the credentials that it has found. What it reads of botocore's is kept."""
    import botocore.session  # noqa: PLC0415

    session = botocore.session.get_session()
    session.register_component("data_loader", _loader())
    return session


@cache
def _loader() -> Any:
    """Return what reads botocore's descriptions of services, and keeps them: three quarters of making a client."""
    from botocore.loaders import create_loader  # noqa: PLC0415

    return create_loader()
