"""What template.yaml says, with its references resolved by SAM CLI, so that nothing of it is written here again.

Importing SAM CLI takes more than a second: the starter does it once and hands the children what it read.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from samcli.yamlhelper import yaml_parse

if TYPE_CHECKING:
    from pathlib import Path

# Lambda's own defaults, for what a template leaves out.
_TIMEOUT_S = 3
_MEMORY_MB = 128
_STREAM_BATCH = 100
_STREAM_WINDOW_S = 0.5
_SCHEDULE_ATTEMPTS = 185

_NEW_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
_HTTP_API = "AWS::Serverless::HttpApi"
_UNITS_S = {"minute": 60, "hour": 3600, "day": 86400}


class TemplateError(Exception):
    """The template says something that the local cloud cannot do; the message names it."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An MSK event source."""

    arn: str
    topic: str
    group: str
    batch_size: int
    window_s: float
    starting_position: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """An EventBridge schedule."""

    every_s: float
    input: str
    attempts: int  # after the first one


@dataclass(frozen=True, slots=True)
class Cors:
    """What an HTTP API tells browsers."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    max_age_s: int


@dataclass(frozen=True, slots=True)
class Limit:
    """What one route lets through: so many requests a second on average, and so many at once."""

    rate_per_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class Route:
    """One route of an HTTP API with a JWT authorizer; `token` says whether it asks for one."""

    method: str  # or ANY
    path: str  # or $default
    token: bool
    scopes: tuple[str, ...]
    limit: Limit | None  # of its own; the stage's, which all routes share, is not kept here


@dataclass(frozen=True, slots=True)
class Api:
    """What an HTTP API with a JWT authorizer, named as in the template, hands to one function."""

    name: str
    routes: tuple[Route, ...]
    cors: Cors | None


@dataclass(frozen=True, slots=True)
class Function:
    """One function; `logical_id` is the template's, `name` what it is called here: operator_api."""

    name: str
    logical_id: str
    code: str
    layers: tuple[str, ...]
    handler: str
    timeout_s: float
    memory_mb: int
    environment: dict[str, str]
    routes: tuple[tuple[str, str], ...]  # (method or ANY, path or $default), of APIs that verify no token
    apis: tuple[Api, ...]
    streams: tuple[Stream, ...]
    schedules: tuple[Schedule, ...]


def read(template: Path) -> list[Function]:
    """Return the functions of `template`; raise `TemplateError` for a schedule that is not a rate.

    A parameter without a default gets a placeholder: what it names (a cluster, a secret) is not on this machine.
    """
    parameters = (yaml_parse(template.read_text()) or {}).get("Parameters", {})
    placeholders = {name: f"local-{name}" for name, declared in parameters.items() if "Default" not in declared}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # SAM CLI calls a function that samtranslator deprecated
        stacks, _ = SamLocalStackProvider.get_stacks(str(template), parameter_overrides=placeholders)
        found = SamFunctionProvider(stacks, use_raw_codeuri=True, ignore_code_extraction_warnings=True)
    apis = {name: api["Properties"] for name, api in stacks[0].resources.items() if api["Type"] == _HTTP_API}
    with_jwt = {name: properties for name, properties in apis.items() if _authorizers(properties)}
    return [_function(template.parent, function, with_jwt) for function in found.get_all()]


def _function(root: Path, said: Any, apis: dict[str, Any]) -> Function:
    """Describe one function; `apis` are those with a JWT authorizer."""
    code = (root / said.codeuri).resolve()
    events = [(event["Type"], event.get("Properties", {})) for event in (said.events or {}).values()]
    http = [properties for kind, properties in events if kind == "HttpApi"]
    handed = [(name, [each for each in http if each.get("ApiId") == name]) for name in apis]
    return Function(
        name=_NEW_WORD.sub("_", said.name.removesuffix("Function")).lower(),
        logical_id=said.name,
        code=str(code),
        layers=tuple(str((root / layer.codeuri).resolve()) for layer in said.layers),
        handler=said.handler,
        timeout_s=float(said.timeout or _TIMEOUT_S),
        memory_mb=int(said.memory or _MEMORY_MB),
        environment=_variables(said.environment),
        routes=tuple(dict.fromkeys(_route(each) for each in http if each.get("ApiId") not in apis)),
        apis=tuple(_api(name, apis[name], routes) for name, routes in handed if routes),
        streams=tuple(_stream(properties) for kind, properties in events if kind == "MSK"),
        schedules=tuple(_schedule(properties) for kind, properties in events if kind in ("ScheduleV2", "Schedule")),
    )


def _variables(environment: dict[str, Any] | None) -> dict[str, str]:
    """Return the variables as strings; one that names a resource, which only AWS can resolve, is left out."""
    variables = (environment or {}).get("Variables", {})
    return {name: str(value) for name, value in variables.items() if not isinstance(value, dict | list)}


def _route(properties: dict[str, Any]) -> tuple[str, str]:
    method = properties.get("Method", "ANY").upper()
    return ("ANY" if method == "X-AMAZON-APIGATEWAY-ANY-METHOD" else method, properties.get("Path", "$default"))


def _authorizers(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the JWT authorizers of an HTTP API. Whom they trust is not read: here that is the local issuer."""
    authorizers = properties.get("Auth", {}).get("Authorizers", {})
    return {name: said for name, said in authorizers.items() if "JwtConfiguration" in said}


def _api(name: str, properties: dict[str, Any], events: list[dict[str, Any]]) -> Api:
    authorizers = _authorizers(properties)
    default = properties["Auth"].get("DefaultAuthorizer", "NONE")
    routes = []
    for event in events:
        auth = event.get("Auth", {})
        authorizer = auth.get("Authorizer", default)
        if authorizer != "NONE" and authorizer not in authorizers:
            message = f"{name} asks for {authorizer}: here an API with a JWT authorizer has no other"
            raise TemplateError(message)
        scopes = auth.get("AuthorizationScopes", authorizers.get(authorizer, {}).get("AuthorizationScopes", ()))
        method, path = _route(event)
        limit = _limit(properties.get("RouteSettings", {}).get(path if path == "$default" else f"{method} {path}"))
        routes.append(Route(method, path, token=authorizer != "NONE", scopes=tuple(scopes), limit=limit))
    return Api(name, tuple(routes), _cors(properties.get("CorsConfiguration")))


def _limit(said: dict[str, Any] | None) -> Limit | None:
    if said is None:
        return None
    return Limit(rate_per_s=float(said["ThrottlingRateLimit"]), burst=int(said["ThrottlingBurstLimit"]))


def _cors(said: dict[str, Any] | None) -> Cors | None:
    if said is None:
        return None
    return Cors(
        origins=tuple(said.get("AllowOrigins", ())),
        methods=tuple(said.get("AllowMethods", ())),
        headers=tuple(said.get("AllowHeaders", ())),
        exposed=tuple(said.get("ExposeHeaders", ())),
        max_age_s=int(said.get("MaxAge", 0)),
    )


def _stream(properties: dict[str, Any]) -> Stream:
    (topic,) = properties["Topics"]
    return Stream(
        arn=str(properties["Stream"]),
        topic=topic,
        group=str(properties["ConsumerGroupId"]),
        batch_size=int(properties.get("BatchSize", _STREAM_BATCH)),
        window_s=float(properties.get("MaximumBatchingWindowInSeconds", _STREAM_WINDOW_S)),
        starting_position=properties["StartingPosition"],
    )


def _schedule(properties: dict[str, Any]) -> Schedule:
    expression = properties.get("ScheduleExpression") or properties["Schedule"]
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if not rate:
        message = f"the local clock only knows rate(…), not {expression!r}"
        raise TemplateError(message)
    return Schedule(
        every_s=int(rate[1]) * _UNITS_S[rate[2]],
        input=properties.get("Input", "{}"),
        attempts=int(properties.get("RetryPolicy", {}).get("MaximumRetryAttempts", _SCHEDULE_ATTEMPTS)),
    )
