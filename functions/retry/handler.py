"""Schedule → restore, redrive, sweep, reconcile. Answers counts of each."""

from firstcome.runtime import collector  # noqa: F401  before all other imports: it makes them quicker

# isort: split
from typing import Any

from firstcome.retry.run import run
from firstcome.runtime import snapstart
from firstcome.runtime.prime import prime
from firstcome.runtime.telemetry import invocation, logger
from firstcome.stores import Stores

stores = Stores.from_env()
prime(stores.settings, stores.gate, stores.ledger)
snapstart.register(stores)


@invocation
def handler(event: object, context: Any) -> dict[str, Any]:
    """Do one run; `event` carries nothing that it needs."""
    done = run(stores, context.get_remaining_time_in_millis)
    logger.info("run", extra={"done": done})
    return done
