"""The operator's door: {"action": …} → one action → its JSON answer. Invoked directly, guarded by IAM alone."""

from firstcome.runtime import collector  # noqa: F401  before all other imports: it makes them quicker

# isort: split
from typing import Any

from firstcome.operate.actions import act, actor
from firstcome.runtime import snapstart
from firstcome.runtime.prime import prime
from firstcome.runtime.telemetry import invocation, logger
from firstcome.stores import Stores

stores = Stores.from_env()
prime(stores.settings, stores.gate, stores.ledger)
snapstart.register(stores)


@invocation
def handler(event: object, context: object) -> dict[str, Any]:
    """Carry out one action."""
    answer = act(stores, event)
    logger.info("action", extra={"action": answer["action"], "actor": actor(event)})
    return answer
