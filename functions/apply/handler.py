"""HTTP → gate → stream → HTTP: each route is a translation of one request into one call."""

from __future__ import annotations

import json
from functools import lru_cache, partial
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
from firstcome.problem import Problem
from firstcome.rules import BadInput, check_event_id, check_user_id
from firstcome.settings import Settings
from firstcome.sold_out import EVENTS_MAX
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
memory = applications.sold_out
snapshot.register(settings, applications)
app = APIGatewayHttpResolver()
WINNERS = ("accepted", "reserved")
APPLY = "POST /events/{event_id}/applications"
to_json = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make an encoder a call


@app.post("/events/<event_id>/applications", operation_id="apply", summary="Apply for a coupon")
def apply(event_id: str) -> Response[str]:
    """Ask for a coupon of the event; asking again is safe, and answers the same ticket."""
    request = app.current_event.raw_event
    sub = problem.caller(request, settings.local_identity)
    event_id = check_event_id(unquote(event_id))
    correlation_id = problem.correlation_id(request)
    answer = applications.apply(event_id, problem.applicant(request, sub), correlation_id)
    if answer.counted != "already":  # who asks a thousand times fills no log
        logger.info("given", extra={**answer.body, "correlation_id": correlation_id})
    return reply(answer)


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


def say_no(error: Exception) -> Response[str]:
    """Answer what the error is to the caller; log what is not theirs to mend."""
    request = app.current_event
    if isinstance(error, NotFoundError):
        error = problem.nothing_here(request.path)
    answer = problem.of(error).answer(unquote(request.path))
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        ours = answer.status == HTTPStatus.INTERNAL_SERVER_ERROR
        write = logger.exception if ours else logger.warning  # with the traceback, where the fault is ours
        known = {**problem.place(request.path), "correlation_id": problem.correlation_id(request.raw_event)}
        write(answer.body["code"], extra={"reason": repr(error), **known})
    return reply(answer)


app.exception_handler([Exception, NotFoundError])(say_no)


def reply(answer: Answer) -> Response[str]:
    """Answer Powertools' response, and count it."""
    if answer.counted:
        # The crowd shares its lines; what rings an alarm does not wait for the next request.
        wait = answer.counted not in WINNERS and answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
        count(answer.counted, may_wait=wait)
    request = app.current_event
    headers = {**answer.headers, "X-Correlation-Id": problem.correlation_id(request.raw_event)}
    # A response to HEAD has no body, whatever it says.
    body = "" if request.http_method == "HEAD" else to_json(answer.body)
    return Response(answer.status, answer.media_type, body, headers)


def from_memory(event: dict[str, Any]) -> dict[str, Any] | None:
    """Answer, past the resolver, who may be told from memory that it is sold out; everybody else goes the usual way.

    Nearly all who ask are these, and routing them would cost more than the rest of their answer.
    """
    if event.get("routeKey") != APPLY or not (winners := memory.winners(event["pathParameters"]["event_id"])):
        return None
    try:
        user_id = problem.applicant(event, problem.caller(event, settings.local_identity))
    except (Problem, BadInput):
        return None
    if winners.may_have(user_id):
        return None
    body, headers = sold_out(event["rawPath"])
    count("sold_out", may_wait=True)
    headers = {**headers, "X-Correlation-Id": problem.correlation_id(event)}
    return {"statusCode": 409, "body": body, "isBase64Encoded": False, "headers": headers, "cookies": []}


@lru_cache(maxsize=EVENTS_MAX)
def sold_out(path: str) -> tuple[str, dict[str, str]]:
    """Answer body and headers of the problem at this path."""
    answer = Problem("sold_out").answer(path)
    return to_json(answer.body), {**answer.headers, "Content-Type": answer.media_type}


@invocation
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one HTTP request."""
    if answer := from_memory(event):
        return answer
    # API Gateway decodes the path, and the resolver's pattern lacks characters that an id may have: encode them all.
    return app.resolve({**event, "rawPath": quote(event["rawPath"], errors="replace")}, context)
