"""The three APIs: who may use a route, what a browser is told, what is limited and what is written down."""

from __future__ import annotations

import json

import pytest

from tests.templates import OPERATORS, Resource, application, deployed, functions

REDEEMING = {"POST /events/{event_id}/redemptions", "DELETE /events/{event_id}/redemptions/{key}"}
STAGES = ("ApiApiGatewayDefaultStage", "BackEndApiApiGatewayDefaultStage")
OPERATORS_STAGE = "OperatorApiApiGatewayDefaultStage"


def routes(api: Resource) -> dict[str, str]:
    """Return who may use each route of a translated API."""
    found: dict[str, str] = {}
    for path, methods in api["Properties"]["Body"]["paths"].items():
        for method, operation in methods.items():
            [[authorizer]] = operation["security"]
            found["$default" if operation.get("isDefaultRoute") else f"{method.upper()} {path}"] = authorizer
    return found


def test_only_the_view_of_an_event_is_open_to_all() -> None:
    """Applicants bring a token, back ends sign with IAM; that holds for what no route names, too."""
    open_to_all = {"GET /events/{event_id}": "NONE"}
    applicants, back_ends = routes(deployed()["Api"]), routes(deployed()["BackEndApi"])
    assert {key: who for key, who in applicants.items() if who != "Applicant"} == open_to_all
    assert set(back_ends.values()) == {"AWS_IAM"}
    assert applicants.keys() == back_ends.keys() - {"$default"} - REDEEMING, "an applicant redeems nothing"


def test_the_routes_are_those_of_the_handler() -> None:
    """A route that only one of them knows would be a 404 of the wrong kind, or never be reached."""
    from functions.apply.handler import app

    known = {f"{route.method} {route.path}" for route in (*app._static_routes, *app._dynamic_routes)}
    served = {key.translate(str.maketrans("<>", "{}")) for key in known}
    assert routes(deployed()["BackEndApi"]).keys() - {"$default"} == served


def test_a_browser_can_ask_before_it_has_a_token() -> None:
    """API Gateway answers a preflight itself where no route catches it; $default would, and demand a token."""
    assert not [
        key for key in routes(deployed()["Api"]) if key == "$default" or key.startswith(("OPTIONS", "ANY", "X-"))
    ]


@pytest.mark.parametrize("origin", ["", "https://coupons.example.com"])
def test_only_our_page_may_read_the_answers(origin: str) -> None:
    """One origin, never all of them; none where there is no page; and no cookies."""
    resources = deployed(PageOrigin=origin)
    cors = resources["Api"]["Properties"]["Body"]["x-amazon-apigateway-cors"]
    assert cors["allowOrigins"] == [origin or "https://none.invalid"]
    assert cors["allowMethods"] == ["GET", "POST"]
    assert not cors.get("allowCredentials")
    assert "x-amazon-apigateway-cors" not in resources["BackEndApi"]["Properties"]["Body"]


@pytest.mark.parametrize("domain", ["", "api.example.com"])
def test_a_domain_of_ones_own_is_the_only_way_in(domain: str) -> None:
    """The default URL is off exactly where another one leads to the API."""
    resources = deployed(ApiDomainName=domain, ApiCertificateArn="arn:aws:acm:us-east-1:1:certificate/1")
    servers = resources["Api"]["Properties"]["Body"].get("servers", [])
    off = [server["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"] for server in servers]
    assert off == [True] * bool(domain)
    assert ("ApiMapping" in resources) is bool(domain)


def test_both_apis_are_throttled() -> None:
    """What is too much is turned away before anything is invoked."""
    for stage in STAGES:
        assert deployed()[stage]["Properties"]["DefaultRouteSettings"] == {
            "ThrottlingRateLimit": {"Ref": "ApiRateLimit"},
            "ThrottlingBurstLimit": {"Ref": "ApiBurstLimit"},
        }


def test_what_is_open_to_all_has_a_limit_of_its_own() -> None:
    """A flood is turned away before its function is invoked, at what that serves, and takes nothing of the stage's."""
    settings = deployed()["ApiApiGatewayDefaultStage"]["Properties"]["RouteSettings"]
    environments = functions["EventFunction"]["ReservedConcurrentExecutions"]
    asked_of_each = 10  # a second: Lambda's limit for one environment
    assert settings == {
        "GET /events/{event_id}": {
            "ThrottlingRateLimit": environments * asked_of_each,
            "ThrottlingBurstLimit": environments,
        }
    }
    assert "RouteSettings" not in deployed()["BackEndApiApiGatewayDefaultStage"]["Properties"]


def test_every_request_is_written_down_without_naming_anybody() -> None:
    """One line of JSON with what finds the function's own line; neither an address nor a path, which names a person."""
    for stage in (*STAGES, OPERATORS_STAGE):
        settings = deployed(**OPERATORS)[stage]["Properties"]["AccessLogSettings"]
        assert settings["DestinationArn"] == {"Fn::GetAtt": ["AccessLogGroup", "Arn"]}
        line = json.loads(settings["Format"])
        assert {"request_id", "route", "status", "latency_ms", "integration_error"} <= line.keys()
        assert line["request_id"] == "$context.requestId"
        named = ("identity", "path", "claims", "principal", "user", "userAgent")
        assert not [value for value in line.values() if any(word in value for word in named)]


def test_every_handler_route_stands_in_both_apis() -> None:
    """Each event names its API: one that named none would make a third."""
    events = [
        event["Properties"]
        for name in ("ApplyFunction", "EventFunction")
        for event in functions[name]["Events"].values()
    ]
    operators = [event["Properties"] for event in functions["OperatorApiFunction"]["Events"].values()]
    assert {event["ApiId"]["Ref"] for event in events} == {"Api", "BackEndApi"}
    assert {event["ApiId"]["Ref"] for event in operators} == {"OperatorApi"}
    assert set(application.of_type("AWS::Serverless::HttpApi")) == {"Api", "BackEndApi", "OperatorApi"}


def test_the_operators_routes_are_those_of_the_table() -> None:
    """Each with a token, and none that would catch a preflight."""
    from firstcome.operate.web.routes import ROUTES

    made = routes(deployed(**OPERATORS)["OperatorApi"])
    assert made.keys() == {f"{route.method} {route.path}" for route in ROUTES}
    assert set(made.values()) == {"Operator"}


@pytest.mark.parametrize("origin", ["", "https://console.example.com"])
def test_only_the_console_may_read_the_operators_answers(origin: str) -> None:
    """One origin, none where there is no console; not the applicants' page."""
    api = deployed(**OPERATORS, OperatorOrigin=origin, PageOrigin="https://coupons.example.com")["OperatorApi"]
    cors = api["Properties"]["Body"]["x-amazon-apigateway-cors"]
    assert cors["allowOrigins"] == [origin or "https://none.invalid"]
    assert not cors.get("allowCredentials")


def test_an_operators_token_is_for_its_issuer_and_audience() -> None:
    """Not for the applicants': their tokens open nothing here."""
    api = deployed(**OPERATORS)["OperatorApi"]["Properties"]["Body"]
    [authorizer] = api["components"]["securitySchemes"].values()
    jwt = authorizer["x-amazon-apigateway-authorizer"]["jwtConfiguration"]
    assert jwt == {"issuer": {"Ref": "OperatorIssuer"}, "audience": [{"Ref": "OperatorAudience"}]}


def test_the_operators_api_is_throttled_by_itself() -> None:
    """A handful of people ask less than a crowd; what they may is no parameter of an opening."""
    settings = deployed(**OPERATORS)[OPERATORS_STAGE]["Properties"]["DefaultRouteSettings"]
    assert settings == {"ThrottlingRateLimit": 50, "ThrottlingBurstLimit": 100}


@pytest.mark.parametrize("domain", ["", "api.example.com"])
def test_a_missing_route_fails_the_deployment(domain: str) -> None:
    """An authorizer that cannot be made is a warning; a server without a URL is one, too, which only a domain needs."""
    for name in ("Api", "BackEndApi", "OperatorApi"):
        api = deployed(ApiDomainName=domain, **OPERATORS)[name]["Properties"]
        warned = any("url" not in server for server in api["Body"].get("servers", []))
        assert warned == (name == "Api" and bool(domain))
        assert bool(api.get("FailOnWarnings")) is not warned, name


def test_the_throttle_fits_what_the_environments_serve() -> None:
    """Each serves ten requests a second; the bucket is half of the rate, as the quotas of an account are."""
    environments, rate, burst = (
        application.parameters[name]["Default"] for name in ("ApplyConcurrency", "ApiRateLimit", "ApiBurstLimit")
    )
    assert rate == 10 * environments
    assert burst * 2 == rate
