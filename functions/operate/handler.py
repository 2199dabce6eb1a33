"""The operator's door: {"action": …} → one action → its JSON answer. Invoked directly, guarded by IAM alone."""

from __future__ import annotations

from firstcome import start  # noqa: F401  before all other imports: it makes them quicker

# isort: split
from typing import Any

from firstcome import snapshot
from firstcome.operations import act, actor
from firstcome.stores import Stores
from firstcome.telemetry import invocation, logger

stores = Stores.from_env()
snapshot.register(stores.settings, stores)


@invocation
def handler(event: object, context: object) -> dict[str, Any]:
    """Carry out one action."""
    answer = act(stores, event)
    logger.info("action", extra={"action": answer["action"], "actor": actor(event)})
    return answer
