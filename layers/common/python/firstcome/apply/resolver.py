"""Powertools' resolver with our paths, answers and errors: the way of every request but the crowded one."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from firstcome.apply import problem, routes
from firstcome.apply.problem import Answer


class Resolver(APIGatewayHttpResolver):
    """Routes are added to it as to Powertools' own; each replies with what a method of `Routes` answers."""

    def __init__(self) -> None:
        super().__init__()
        self.exception_handler([Exception, NotFoundError])(self._no)

    def reply(self, call: Callable[..., Answer], *ids: str) -> Response[str]:
        """Return the response of `call` to the current request; `ids` are those of its path."""
        return self._response(call(self.current_event.raw_event, *map(unquote, ids)))

    def respond(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Answer one request of API Gateway, also where no route fits."""
        # It decodes the path, and the resolver's pattern lacks characters that an id may have: encode them all.
        return self.resolve({**event, "rawPath": quote(event["rawPath"], errors="replace")}, context)

    def _no(self, error: Exception) -> Response[str]:
        path = self.current_event.path
        error = problem.nothing_here(path) if isinstance(error, NotFoundError) else error
        return self._response(routes.no(error, unquote(path), self.current_event.raw_event))

    def _response(self, answer: Answer) -> Response[str]:
        headers, body = routes.finish(answer, self.current_event.raw_event)
        return Response(answer.status, answer.media_type, body, headers)
