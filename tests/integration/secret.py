"""What is kept in the fixture `secret`, which is Secrets Manager as moto plays it."""

from __future__ import annotations

import json
import math
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from firstcome.runtime import credentials as identity

if TYPE_CHECKING:
    import socket


def accepted(server: socket.socket) -> int:
    """Return how many connections there have been."""
    server.setblocking(False)
    number = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            number += 1
    return number


def keep(secret: Any, **content: object) -> str:
    """Keep a secret; return its ARN."""
    arn: str = secret.create_secret(Name=uuid.uuid4().hex, SecretString=json.dumps(content))["ARN"]
    return arn


def rotate(secret: Any, arn: str, **content: object) -> None:
    """Change the secret, long after it was read."""
    secret.put_secret_value(SecretId=arn, SecretString=json.dumps(content))
    for known, (_, username, password) in identity._known.items():
        identity._known[known] = (-math.inf, username, password)
