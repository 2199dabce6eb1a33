"""The operator's API: one HTTP request → one action → its answer. API Gateway alone invokes it, and verifies tokens."""

from firstcome.runtime import collector  # noqa: F401  before all other imports: it makes them quicker

# isort: split
from typing import Any

from firstcome.operate.web.door import answer
from firstcome.runtime import snapstart
from firstcome.runtime.prime import prime
from firstcome.runtime.telemetry import invocation
from firstcome.stores import Stores

stores = Stores.from_env()
prime(stores.settings, stores.gate, stores.ledger)
snapstart.register(stores)


@invocation
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one HTTP request."""
    return answer(stores, event)
