"""HTTP → gate → stream → HTTP: each route is a translation of one request into one call."""

from firstcome.runtime import collector  # noqa: F401  before all other imports: it makes them quicker

# isort: split
from typing import Any

from aws_lambda_powertools.event_handler import Response

from firstcome.apply.application import Applications
from firstcome.apply.edge import Edge
from firstcome.apply.resolver import Resolver
from firstcome.apply.routes import Routes
from firstcome.runtime import snapstart
from firstcome.runtime.prime import prime
from firstcome.runtime.telemetry import invocation
from firstcome.settings import Settings

settings = Settings.from_env()
applications = Applications.of(settings)
prime(settings, applications.gate, applications.stream, applications.ledger)
snapstart.register(applications)
api = Routes(applications, settings.local_identity, Edge(settings.edge_sha256))
app = Resolver()


@app.post("/events/<event_id>/applications", operation_id="apply", summary="Apply for a coupon")
def apply(event_id: str) -> Response[str]:
    """Ask for a coupon of the event; asking again is safe, and answers the same ticket."""
    return app.reply(api.apply, event_id)


@app.get("/events/<event_id>/applications/<user_id>", operation_id="status", summary="Ask how far it has come")
def status(event_id: str, user_id: str) -> Response[str]:
    """Return how far the person's application has come, from ticket to coupon."""
    return app.reply(api.status, event_id, user_id)


@app.get("/events/<event_id>", operation_id="event", summary="Look at an event")
def event(event_id: str) -> Response[str]:
    """Return the event's capacity, what remains of it, its window and its state."""
    return app.reply(api.event, event_id)


@app.post("/events/<event_id>/redemptions", operation_id="redeem", summary="Redeem a coupon")
def redeem(event_id: str) -> Response[str]:
    """Use a coupon, once: the same key answers the same. For back ends."""
    return app.reply(api.redeem, event_id)


@app.delete("/events/<event_id>/redemptions/<key>", operation_id="takeBack", summary="Take a redemption back")
def take_back(event_id: str, key: str) -> Response[str]:
    """Take a redemption back, as for a cancelled order: the key never redeems again. For back ends."""
    return app.reply(api.take_back, event_id, key)


@invocation
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one HTTP request."""
    return api.apply_directly(event) or app.respond(event, context)
