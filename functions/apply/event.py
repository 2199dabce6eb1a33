"""What anybody may ask: how an event stands. A function of its own: no flood of it takes apply's environments."""

from firstcome.runtime import collector  # noqa: F401  before all other imports: it makes them quicker

# isort: split
from typing import Any

from aws_lambda_powertools.event_handler import Response

from firstcome.apply.edge import Edge
from firstcome.apply.resolver import Resolver
from firstcome.apply.routes import OpenRoutes
from firstcome.apply.shown import Shown
from firstcome.runtime import snapstart
from firstcome.runtime.prime import prime
from firstcome.runtime.telemetry import invocation
from firstcome.settings import Settings

settings = Settings.from_env()
shown = Shown.of(settings)
prime(settings, shown.gate)
snapstart.register(shown)
api = OpenRoutes(shown, Edge(settings.edge_sha256))
app = Resolver()


@app.get("/events/<event_id>")
def event(event_id: str) -> Response[str]:
    """Return the event's capacity, what remains of it, its window and its state."""
    return app.reply(api.event, event_id)


@invocation
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one HTTP request."""
    return app.respond(event, context)
