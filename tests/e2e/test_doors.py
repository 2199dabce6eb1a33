"""The APIs that verify tokens stand beside the one that does not, shown with functions made for nothing else."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from dev.cloud import Cloud
from dev.doors import APPLICANT_URL, ISSUER_URL, OPERATOR_URL
from dev.http_api import HEADER
from dev.oidc import DISCOVERY
from dev.process import ProcessError
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAGE = "http://localhost:5173"
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Issuer: { Type: String }
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      RouteSettings:
        "GET /shown/{name}": { ThrottlingRateLimit: 0.001, ThrottlingBurstLimit: 3 }
      CorsConfiguration:
        AllowOrigins: ["https://none.invalid"]
        AllowMethods: [GET]
        AllowHeaders: [authorization]
        ExposeHeaders: [retry-after]
        MaxAge: 7
      Auth: &auth
        DefaultAuthorizer: People
        Authorizers:
          People:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: { issuer: !Ref Issuer, audience: [!Ref Issuer] }
  OperatorApi:
    Type: AWS::Serverless::HttpApi
    Properties: { Auth: *auth }
  Applies:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: handler.handler
      CodeUri: tiny/
      Events:
        Mine: { Type: HttpApi, Properties: { ApiId: !Ref Api, Path: /mine, Method: GET } }
        All: { Type: HttpApi, Properties: { ApiId: !Ref Api, Path: /all, Method: GET, Auth: { Authorizer: NONE } } }
        Fixed: { Type: HttpApi, Properties: { ApiId: !Ref Api, Path: /open/mine, Method: GET } }
        Back: { Type: HttpApi, Properties: { Path: "/{rest+}", Method: ANY } }
  Shows:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: web.handler
      CodeUri: tiny/
      Events:
        One:
          Type: HttpApi
          Properties: { ApiId: !Ref Api, Path: "/open/{name}", Method: GET, Auth: &open { Authorizer: NONE } }
        Few: { Type: HttpApi, Properties: { ApiId: !Ref Api, Path: "/shown/{name}", Method: GET, Auth: *open } }
  Operates:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: web.handler
      CodeUri: tiny/
      Events:
        Door: { Type: HttpApi, Properties: { ApiId: !Ref OperatorApi, Path: /mine, Method: GET } }
"""
HANDLER = """
def handler(event, context):
    jwt = event["requestContext"].get("authorizer", {}).get("jwt")
    return {"function": context.function_name, "jwt": jwt, "headers": event["headers"]}
"""


def write_template(folder: Path, text: str = TEMPLATE) -> Path:
    """Two functions of one folder, and the APIs before them."""
    (folder / "tiny").mkdir()
    for module in ("handler", "web"):
        (folder / "tiny" / f"{module}.py").write_text(HANDLER)
    template = folder / "template.yaml"
    template.write_text(text)
    return template


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("doors")
    template = write_template(folder)
    with Cloud(folder, servers=None, template=template, environment=child_environment, identity=True) as cloud:
        yield cloud


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=PATIENCE_S) as client:
        yield client


def bearer(cloud: Cloud, *groups: str) -> dict[str, str]:
    return {"authorization": f"Bearer {cloud.doors.identity.access_token('alice', groups)}"}


def test_each_door_leads_to_its_function(cloud: Cloud, http: httpx.Client) -> None:
    """The same path on two APIs, with the token's claims as strings."""
    for door, function in ((APPLICANT_URL, "applies"), (OPERATOR_URL, "operates")):
        said = http.get(cloud.doors.urls[door] + "/mine", headers=bearer(cloud, "viewer", "admin")).json()
        assert said["function"] == function
        assert (said["jwt"]["claims"]["sub"], said["jwt"]["claims"]["groups"]) == ("alice", "[viewer admin]")


def test_routes_of_one_api_lead_to_their_functions(cloud: Cloud, http: httpx.Client) -> None:
    """A fixed path goes before a variable one, whichever function has it; a path is matched as it is decoded."""
    door = cloud.doors.urls[APPLICANT_URL]
    assert http.get(f"{door}/open/mine", headers=bearer(cloud)).json()["function"] == "applies"
    assert http.get(f"{door}/open/m%69ne").status_code == 401
    assert http.get(f"{door}/open/others").json()["function"] == "shows"
    assert http.get(f"{door}/open/a%2Fb").status_code == 404
    assert http.get(f"{door}/open/mine%0A").json()["function"] == "shows"


def test_a_flood_of_one_route_is_turned_away_by_the_front(cloud: Cloud, http: httpx.Client) -> None:
    """In API Gateway's words, without its function; no other route hears of it."""
    door = cloud.doors.urls[APPLICANT_URL]
    answers = [http.get(f"{door}/shown/{name}") for name in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 7
    assert answers[-1].json() == {"message": "Too Many Requests"}
    assert answers[-1].headers["content-type"] == "application/json"
    for _ in range(10):
        assert http.get(f"{door}/open/others").status_code == http.get(f"{door}/all").status_code == 200


@pytest.mark.parametrize("door", [APPLICANT_URL, OPERATOR_URL])
def test_a_door_is_shut_without_a_token(cloud: Cloud, http: httpx.Client, door: str) -> None:
    """Without a token that verifies, both doors answer 401 and never ask a function."""
    for headers in ({}, {"authorization": "Bearer a.b.c"}):
        answer = http.get(cloud.doors.urls[door] + "/mine", headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert http.head(cloud.doors.urls[door] + "/mine").status_code == 404  # no route has HEAD


def test_a_door_has_its_own_routes_only(cloud: Cloud, http: httpx.Client) -> None:
    """What back ends may ask is not there for others, with whatever token; nor is Lambda's own API."""
    for path in ("/anything", "/2015-03-31/functions/applies/invocations", "/openapi.json"):
        assert http.get(cloud.doors.urls[APPLICANT_URL] + path, headers=bearer(cloud, "admin")).status_code == 404
    assert http.get(cloud.doors.urls[OPERATOR_URL] + "/all", headers=bearer(cloud)).status_code == 404


def test_a_route_may_be_open(cloud: Cloud, http: httpx.Client) -> None:
    """A route whose authorizer is NONE answers without claims."""
    assert http.get(cloud.doors.urls[APPLICANT_URL] + "/all").json()["jwt"] is None


def test_the_back_ends_address_asks_for_no_token(cloud: Cloud, http: httpx.Client) -> None:
    """The back ends' API goes straight to the function."""
    assert http.get(cloud.api_url + "/mine").json()["function"] == "applies"


@pytest.mark.parametrize("named", ["Api", "OperatorApi", "x", ""])
def test_nobody_chooses_the_door_by_a_header(cloud: Cloud, http: httpx.Client, named: str) -> None:
    """The front's own header is taken from clients, and no function sees it."""
    said = http.get(cloud.api_url + "/mine", headers={HEADER: named}).json()
    assert (said["jwt"], HEADER in said["headers"]) == (None, False)
    shut = http.get(cloud.doors.urls[APPLICANT_URL] + "/mine", headers={HEADER: named})
    assert shut.status_code == 401
    said = http.get(cloud.doors.urls[APPLICANT_URL] + "/mine", headers={HEADER: named, **bearer(cloud)}).json()
    assert HEADER not in said["headers"]


def test_a_page_of_this_machine_may_call(cloud: Cloud, http: httpx.Client) -> None:
    """As a browser asks before it sends, and then reads the answer. An API without CORS lets no page in."""
    asked = {"origin": PAGE, "access-control-request-method": "GET", "access-control-request-headers": "authorization"}
    answer = http.options(cloud.doors.urls[APPLICANT_URL] + "/mine", headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, PAGE)
    assert (answer.headers["access-control-allow-headers"], answer.headers["access-control-max-age"]) == (
        "authorization",
        "7",
    )
    assert http.options(cloud.doors.urls[OPERATOR_URL] + "/mine", headers=asked).status_code == 404


def test_cloud_env_names_the_doors(cloud: Cloud) -> None:
    """cloud.env has the address of each door and of the issuer."""
    lines = cloud.env_file.read_text().splitlines()
    for name in (ISSUER_URL, APPLICANT_URL, OPERATOR_URL):
        assert f"{name}={cloud.doors.urls[name]}" in lines


def test_a_killed_issuer_keeps_its_key_and_its_port(
    cloud: Cloud, http: httpx.Client, wait_until: Callable[..., None]
) -> None:
    """Tokens from before go on counting; the keys end with the cloud."""
    before, keys = bearer(cloud), f"{cloud.doors.urls[ISSUER_URL]}/.well-known/jwks.json"
    known = http.get(keys).json()
    pid = process_of_issuer(cloud)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: process_of_issuer(cloud) not in (None, pid), "the issuer runs again")
    assert httpx.get(keys, timeout=PATIENCE_S).json() == known
    assert http.get(cloud.doors.urls[APPLICANT_URL] + "/mine", headers=before).status_code == 200


def process_of_issuer(cloud: Cloud) -> Any:
    lines = dict(line.split("=", 1) for line in cloud.env_file.read_text().splitlines())
    return int(lines["ISSUER_PID"]) if "ISSUER_PID" in lines else None


def test_the_issuer_describes_itself(cloud: Cloud, http: httpx.Client) -> None:
    """Its discovery document leads to the keys that verify its tokens."""
    said = http.get(cloud.doors.urls[ISSUER_URL] + DISCOVERY).json()
    assert said["issuer"] == cloud.doors.urls[ISSUER_URL]
    assert http.get(said["jwks_uri"]).json()["keys"] == json.loads(json.dumps(cloud.doors.identity.keys))


def test_a_port_of_a_door_that_is_taken_is_said(tmp_path: Path, cloud: Cloud) -> None:
    """The door then listens at another port, and the line at the start says why."""
    taken = int(cloud.doors.urls[ISSUER_URL].rpartition(":")[2])
    other = Cloud(
        tmp_path, servers=None, template=write_template(tmp_path), identity=True, identity_ports={ISSUER_URL: taken}
    )
    said: list[str] = []
    other.start(said.append)
    url = other.doors.urls[ISSUER_URL]
    assert (tmp_path / "run" / "issuer.pem").exists()
    other.stop()
    assert not list((tmp_path / "run").glob("issuer.*")), "the key ends with the cloud"
    assert f"issuer: {url}, because port {taken} is taken" in said


def test_an_api_without_an_address_is_said(tmp_path: Path) -> None:
    """A template with an API that has no door fails the start with the API's name."""
    template = write_template(tmp_path, TEMPLATE.replace("OperatorApi", "ThirdApi"))
    with pytest.raises(ProcessError, match="ThirdApi"):
        Cloud(tmp_path, servers=None, template=template, identity=True).start()
