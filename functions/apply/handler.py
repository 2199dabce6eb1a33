"""HTTP → gate → stream → HTTP: each route is a translation of one request into one call."""

from __future__ import annotations

from firstcome import start  # noqa: F401  before all other imports: it makes them quicker

# isort: split
import re
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from firstcome import problem, snapshot
from firstcome.application import Applications
from firstcome.connect import mysql_connection, redis_client
from firstcome.gate import Gate
from firstcome.ledger import Ledger
from firstcome.problem import Problem, to_json
from firstcome.rules import check_event_id, check_user_id
from firstcome.settings import Settings
from firstcome.stream import Stream
from firstcome.telemetry import count, invocation, logger

if TYPE_CHECKING:
    from firstcome.problem import Answer

settings = Settings.from_env()
applications = Applications(
    Gate(redis_client(settings), settings),
    Stream(settings),
    Ledger(partial(mysql_connection, settings, settings.mysql_status_timeout_ms), settings),
    settings,
)
snapshot.register(settings, applications)
app = APIGatewayHttpResolver()
# The one crowded path, as it stands in a payload whose API has no named stage.
CROWDED = re.compile("/events/([^/]+)/applications")
WINNERS = ("accepted", "reserved")


@app.post("/events/<event_id>/applications", operation_id="apply", summary="Apply for a coupon")
def apply(event_id: str) -> Response[str]:
    """Ask for a coupon of the event; asking again is safe, and answers the same ticket."""
    request = app.current_event.raw_event
    return reply(decide(request, unquote(event_id), problem.correlation_id(request)))


@app.get("/events/<event_id>/applications/<user_id>", operation_id="status", summary="Ask how far it has come")
def status(event_id: str, user_id: str) -> Response[str]:
    """Answer how far the person's application has come, from ticket to coupon."""
    sub = problem.caller(app.current_event.raw_event, settings.local_identity)
    event_id, user_id = check_event_id(unquote(event_id)), check_user_id(unquote(user_id))
    if sub not in (None, user_id):
        raise Problem("no_application")
    return reply(applications.status(event_id, user_id))


@app.get("/events/<event_id>", operation_id="event", summary="Look at an event")
def event(event_id: str) -> Response[str]:
    """Answer the event's capacity, what remains of it, its window and its state."""
    return reply(applications.event(check_event_id(unquote(event_id))))


def decide(request: dict[str, Any], event_id: str, correlation_id: str) -> Answer:
    """Decide one application."""
    sub = problem.caller(request, settings.local_identity)
    event_id = check_event_id(event_id)
    answer = applications.apply(event_id, problem.applicant(request, sub), correlation_id)
    if answer.counted != "already":  # who asks a thousand times fills no log
        logger.info("given", extra={**answer.body, "correlation_id": correlation_id})
    return answer


def say_no(error: Exception, path: str, correlation_id: str) -> Answer:
    """Answer what the error is to the caller, at a decoded path; log what is not theirs to mend."""
    answer = problem.of(error).answer(path)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        ours = answer.status == HTTPStatus.INTERNAL_SERVER_ERROR
        write = logger.exception if ours else logger.warning  # with the traceback, where the fault is ours
        known = {**problem.place(path), "correlation_id": correlation_id}
        write(answer.body["code"], extra={"reason": repr(error), **known})
    return answer


def resolver_says_no(error: Exception) -> Response[str]:
    """Answer what a route, or the lack of one, has raised."""
    request = app.current_event
    if isinstance(error, NotFoundError):
        error = problem.nothing_here(request.path)
    return reply(say_no(error, unquote(request.path), problem.correlation_id(request.raw_event)))


app.exception_handler([Exception, NotFoundError])(resolver_says_no)


def reply(answer: Answer) -> Response[str]:
    """Answer Powertools' response, and count it."""
    request = app.current_event
    headers, body = finish(answer, problem.correlation_id(request.raw_event))
    # A response to HEAD has no body, whatever it says.
    return Response(answer.status, answer.media_type, "" if request.http_method == "HEAD" else body, headers)


def finish(answer: Answer, correlation_id: str) -> tuple[dict[str, str], str]:
    """Count an answer; answer its headers and its body."""
    if answer.counted:
        # The crowd shares its lines; what rings an alarm does not wait for the next request.
        wait = answer.counted not in WINNERS and answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
        count(answer.counted, may_wait=wait)
    return {**answer.headers, "X-Correlation-Id": correlation_id}, answer.text or to_json(answer.body)


def past_the_resolver(request: dict[str, Any], event_id: str) -> dict[str, Any]:
    """Answer an application without routing it again: that would cost as much as the rest of a loser's answer."""
    correlation_id = problem.correlation_id(request)
    try:
        answer = decide(request, event_id, correlation_id)
    except Exception as error:  # noqa: BLE001  whatever it is, it is answered, and logged where it is ours
        answer = say_no(error, request["rawPath"], correlation_id)
    headers, body = finish(answer, correlation_id)
    headers["Content-Type"] = answer.media_type
    return {"statusCode": answer.status, "headers": headers, "body": body, "isBase64Encoded": False, "cookies": []}


@invocation
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one HTTP request."""
    if event["requestContext"]["http"]["method"] == "POST" and (crowded := CROWDED.fullmatch(event["rawPath"])):
        return past_the_resolver(event, crowded[1])
    # API Gateway decodes the path, and the resolver's pattern lacks characters that an id may have: encode them all.
    return app.resolve({**event, "rawPath": quote(event["rawPath"], errors="replace")}, context)
