"""HTTP → gate → stream → HTTP: each route is a translation of one request into one call."""

from firstcome.runtime import collector  # noqa: F401  before all other imports: it makes them quicker

# isort: split
from typing import Any
from urllib.parse import quote, unquote

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from firstcome.apply import problem, routes
from firstcome.apply.application import Applications
from firstcome.runtime import snapstart
from firstcome.runtime.telemetry import invocation
from firstcome.settings import Settings

settings = Settings.from_env()
applications = Applications.of(settings)
api = routes.Routes(applications, settings.local_identity)
snapstart.register(settings, applications)
app = APIGatewayHttpResolver()


@app.post("/events/<event_id>/applications", operation_id="apply", summary="Apply for a coupon")
def apply(event_id: str) -> Response[str]:
    """Ask for a coupon of the event; asking again is safe, and answers the same ticket."""
    return reply(api.apply(app.current_event.raw_event, unquote(event_id)))


@app.get("/events/<event_id>/applications/<user_id>", operation_id="status", summary="Ask how far it has come")
def status(event_id: str, user_id: str) -> Response[str]:
    """Return how far the person's application has come, from ticket to coupon."""
    return reply(api.status(app.current_event.raw_event, unquote(event_id), unquote(user_id)))


@app.get("/events/<event_id>", operation_id="event", summary="Look at an event")
def event(event_id: str) -> Response[str]:
    """Return the event's capacity, what remains of it, its window and its state."""
    return reply(api.event(unquote(event_id)))


@app.post("/events/<event_id>/redemptions", operation_id="redeem", summary="Redeem a coupon")
def redeem(event_id: str) -> Response[str]:
    """Use a coupon, once: the same key answers the same. For back ends."""
    return reply(api.redeem(app.current_event.raw_event, unquote(event_id)))


@app.delete("/events/<event_id>/redemptions/<key>", operation_id="takeBack", summary="Take a redemption back")
def take_back(event_id: str, key: str) -> Response[str]:
    """Take a redemption back, as for a cancelled order: the key never redeems again. For back ends."""
    return reply(api.take_back(app.current_event.raw_event, unquote(event_id), unquote(key)))


def no(error: Exception) -> Response[str]:
    """Return what a route, or the lack of one, has raised."""
    path = app.current_event.path
    error = problem.nothing_here(path) if isinstance(error, NotFoundError) else error
    return reply(routes.no(error, unquote(path), app.current_event.raw_event))


app.exception_handler([Exception, NotFoundError])(no)


def reply(answer: problem.Answer) -> Response[str]:
    """Return Powertools' response."""
    headers, body = routes.finish(answer, app.current_event.raw_event)
    return Response(answer.status, answer.media_type, body, headers)


@invocation
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one HTTP request."""
    if response := api.apply_directly(event):
        return response
    # API Gateway decodes the path, and the resolver's pattern lacks characters that an id may have: encode them all.
    return app.resolve({**event, "rawPath": quote(event["rawPath"], errors="replace")}, context)
