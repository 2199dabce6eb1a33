"""The routes of the API: one request → one call → one answer, counted and logged."""

import re
from http import HTTPStatus
from typing import Any

from firstcome.apply import problem, redemption, request
from firstcome.apply.application import Applications
from firstcome.apply.edge import Edge
from firstcome.apply.problem import Answer, Problem
from firstcome.apply.shown import Shown
from firstcome.rules import check_event_id, check_user_id
from firstcome.runtime import http
from firstcome.runtime.http import to_json
from firstcome.runtime.telemetry import count, info, logger

# The crowded paths, as they stand in a payload whose API has no named stage.
CROWDED = re.compile("/events/([^/]+)/applications")
AFTERWARDS = re.compile("/events/([^/]+)/applications/([^/]+)")  # what whoever has applied asks again
# The ordinary answer whose share rings an alarm: Kafka did not confirm the record in time.
RINGS = "reserved"


class OpenRoutes:
    """What each route that is open to all does with a payload of API Gateway and the decoded ids of its path.

    Each method raises what `no` makes an answer of.
    """

    def __init__(self, shown: Shown, edge: Edge) -> None:
        self._shown = shown
        self._edge = edge

    def event(self, event: dict[str, Any], event_id: str) -> Answer:
        """Return the event."""
        self._edge.check(event)
        return self._shown.event(check_event_id(event_id))


class Routes(OpenRoutes):
    """What each route does, as `OpenRoutes`."""

    def __init__(self, applications: Applications, local_identity: str, edge: Edge) -> None:
        super().__init__(applications, edge)
        self._applications = applications
        self._local_identity = local_identity

    def apply(self, event: dict[str, Any], event_id: str) -> Answer:
        """Decide one application."""
        self._edge.check(event)
        sub = request.caller(event, self._local_identity)
        correlation_id = http.correlation_id(event)
        answer = self._applications.apply(check_event_id(event_id), request.applicant(event, sub), correlation_id)
        if answer.counted != "already":  # repeats are not logged
            info("given", {**answer.body, "correlation_id": correlation_id})
        return answer

    def status(self, event: dict[str, Any], event_id: str, user_id: str) -> Answer:
        """Return how far the person's application has come; somebody else's is not there."""
        self._edge.check(event)
        sub = request.caller(event, self._local_identity)
        event_id, user_id = check_event_id(event_id), check_user_id(user_id)
        if sub not in (None, user_id):
            raise Problem("no_application")
        return self._applications.status(event_id, user_id)

    def redeem(self, event: dict[str, Any], event_id: str) -> Answer:
        """Redeem one coupon, for a back end."""
        caller = redemption.back_end(event, self._local_identity)
        answer = self._applications.redeem(check_event_id(event_id), redemption.read(event), caller)
        logger.info("redeemed", extra={**answer.body, "correlation_id": http.correlation_id(event)})
        return answer

    def take_back(self, event: dict[str, Any], event_id: str, key: str) -> Answer:
        """Take one redemption back, for a back end."""
        caller = redemption.back_end(event, self._local_identity)
        answer = self._applications.take_back(check_event_id(event_id), redemption.check_key(key), caller)
        logger.info("taken back", extra={**answer.body, "correlation_id": http.correlation_id(event)})
        return answer

    def apply_directly(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """Return the response to an application or its status, else None: a resolver would double a loser's cost."""
        method, path = event["requestContext"]["http"]["method"], event["rawPath"]
        applying = CROWDED.fullmatch(path) if method == "POST" else None
        asking = AFTERWARDS.fullmatch(path) if method == "GET" else None
        try:
            if applying:
                answer = self.apply(event, applying[1])
            elif asking:
                answer = self.status(event, asking[1], asking[2])
            else:
                return None
        except Exception as error:  # noqa: BLE001  whatever it is, it is answered, and logged where it is ours
            answer = no(error, event["rawPath"], event)
        headers, body = finish(answer, event)
        headers["Content-Type"] = answer.media_type
        return {"statusCode": answer.status, "headers": headers, "body": body, "isBase64Encoded": False, "cookies": []}


def no(error: Exception, path: str, event: dict[str, Any]) -> Answer:
    """Return what the error is to the caller of `event`, at a decoded path; log what is not theirs to mend."""
    answer = problem.of(error).answer(path)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        ours = answer.status == HTTPStatus.INTERNAL_SERVER_ERROR
        write = logger.exception if ours else logger.warning  # with the traceback, where the fault is ours
        known = {**request.place(path), "correlation_id": http.correlation_id(event)}
        write(answer.body["code"], extra={"reason": repr(error), **known})
    return answer


def finish(answer: Answer, event: dict[str, Any]) -> tuple[dict[str, str], str]:
    """Count the answer to `event`; return its headers and its body, of which HEAD gets none."""
    if answer.counted:
        # Ordinary answers share their lines; what may ring an alarm does not wait for the next request.
        may_wait = answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.counted != RINGS
        count(answer.counted, may_wait=may_wait)
    body = "" if event["requestContext"]["http"]["method"] == "HEAD" else answer.text or to_json(answer.body)
    return {**answer.headers, "X-Correlation-Id": http.correlation_id(event)}, body
