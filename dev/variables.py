"""The variables that a function of the local cloud sees."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dev.servers import Servers
    from dev.template import Function

# In place of what exists on AWS only.
_LOCAL = {
    "FIRSTCOME_REDIS_CLUSTER": "0",
    "FIRSTCOME_REDIS_SECRET_ARN": "",
    "FIRSTCOME_KAFKA_SECURITY": "PLAINTEXT",
    "FIRSTCOME_KAFKA_REPLICATION": "1",
    "FIRSTCOME_MYSQL_SECRET_ARN": "",
    "FIRSTCOME_MYSQL_APPLY_SECRET_ARN": "",
    "FIRSTCOME_MYSQL_CONSUME_SECRET_ARN": "",
    "FIRSTCOME_MYSQL_RETRY_SECRET_ARN": "",
    "FIRSTCOME_MYSQL_CA_FILE": "",
    "FIRSTCOME_LOCAL_IDENTITY": "backend",
    "FIRSTCOME_LOCAL_CLOUD": "1",
}


def variables(function: Function, servers: Servers | None, overrides: Mapping[str, str]) -> dict[str, str]:
    """Return Lambda's own variables, the template's, then what is different here, then `overrides`.

    Nothing of the developer's environment gets through but what a process needs: no credentials, no settings.
    """
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **inherited,
        "TZ": ":UTC",
        "PYTHONUTF8": "1",  # as Lambda's locale has it; the developer's may not know the letters of a path
        "PYTHONPATH": os.pathsep.join(function.layers),
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "LAMBDA_TASK_ROOT": function.code,
        "_HANDLER": function.handler,
        **function.environment,
        **_LOCAL,
        **(servers.environ if servers is not None else {}),
        **overrides,
    }
