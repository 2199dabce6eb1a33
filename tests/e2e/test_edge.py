"""What the edge does before the applicants' API, the local front does too: one view for all, and its headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from dev import edge
from dev.cloud import Cloud
from dev.doors import APPLICANT_URL, OPERATOR_URL
from dev.process import wait_until
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Issuer: { Type: String }
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      RouteSettings:
        "GET /few/{name}": { ThrottlingRateLimit: 5, ThrottlingBurstLimit: 10 }
      CorsConfiguration: { AllowOrigins: [], AllowMethods: [GET], ExposeHeaders: [retry-after] }
      Auth: &auth
        DefaultAuthorizer: People
        Authorizers:
          People:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: { issuer: !Ref Issuer, audience: [!Ref Issuer] }
  OperatorApi:
    Type: AWS::Serverless::HttpApi
    Properties: { Auth: *auth }
  Answers:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: handler.handler
      CodeUri: tiny/
      Events:
        View:
          Type: HttpApi
          Properties: { ApiId: !Ref Api, Path: "/views/{status}", Method: GET, Auth: &open { Authorizer: NONE } }
        Few: { Type: HttpApi, Properties: { ApiId: !Ref Api, Path: "/few/{name}", Method: GET, Auth: *open } }
        Posted: { Type: HttpApi, Properties: { ApiId: !Ref Api, Path: "/views/{status}", Method: POST, Auth: *open } }
        Mine: { Type: HttpApi, Properties: { ApiId: !Ref Api, Path: "/mine", Method: GET } }
        Operators:
          Type: HttpApi
          Properties: { ApiId: !Ref OperatorApi, Path: "/views/{status}", Method: GET, Auth: *open }
        Back: { Type: HttpApi, Properties: { Path: "/{rest+}", Method: ANY } }
"""
# Whatever it is, it may be kept: the front decides. `request` is another one each time that the function is reached.
HANDLER = """
import json

def handler(event, context):
    status = event.get("pathParameters", {}).get("status", "200")
    told = {"request": context.aws_request_id, "headers": event["headers"], "query": event["rawQueryString"]}
    return {"statusCode": int(status) if status.isdigit() else 200, "body": json.dumps(told),
            "headers": {"content-type": "application/json", "cache-control": "public, max-age=1",
                        "x-correlation-id": event["headers"].get("x-correlation-id", context.aws_request_id)}}
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]) -> Iterator[Cloud]:
    """A cloud of one function that lets everything be kept."""
    folder = tmp_path_factory.mktemp("edge")
    (folder / "tiny").mkdir()
    (folder / "tiny" / "handler.py").write_text(HANDLER)
    (folder / "template.yaml").write_text(TEMPLATE)
    template: Path = folder / "template.yaml"
    with Cloud(folder, servers=None, template=template, environment=child_environment, identity=True) as cloud:
        yield cloud


@pytest.fixture
def door(cloud: Cloud) -> Iterator[httpx.Client]:
    """The applicants' API."""
    with httpx.Client(base_url=cloud.doors.urls[APPLICANT_URL], timeout=PATIENCE_S) as client:
        yield client


def bearer(cloud: Cloud, name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {cloud.doors.identity.access_token(name, ())}"}


def share(door: httpx.Client, path: str, *asked: dict[str, str]) -> Any:
    """Wait until all of these requests, one behind the other, have had one answer of the function; return it.

    A view is kept until the next full second: two requests may lie on both sides of it.
    """
    answers: list[httpx.Response] = []

    def alike() -> bool:
        answers[:] = [door.get(path, headers=headers) for headers in asked]
        return len({each.text for each in answers}) == 1

    wait_until(alike, f"{len(asked)} requests for {path} have one answer")
    return answers[0].json()


def each_reaches_the_function(answers: list[httpx.Response]) -> bool:
    return len({each.json()["request"] for each in answers}) == len(answers)


def test_a_view_reaches_the_function_once_a_second(door: httpx.Client) -> None:
    """Whoever asks meanwhile has the same answer."""
    share(door, "/views/spring", {}, {})


def test_a_view_is_the_same_for_everybody(cloud: Cloud, door: httpx.Client) -> None:
    """Neither token nor cookie nor query is part of what it is kept by, or gets to the function."""
    past = {"cache-control": "no-cache", "pragma": "no-cache", "cookie": "a=b"}
    said = share(door, "/views/summer", bearer(cloud, "alice"), bearer(cloud, "bob"), past)
    assert not {"authorization", "cookie"} & said["headers"].keys()
    assert door.get("/views/summer?event=x").json()["query"] == ""
    share(door, "/views/summer?a=1", {}, {})


def test_a_view_names_nobodys_request(cloud: Cloud, door: httpx.Client) -> None:
    """Whose request it was that reached the function is no business of those who share its answer."""
    own = [{"x-correlation-id": name} for name in ("alice-1", "bob-2")]
    said = share(door, "/views/winter", *own)
    assert "x-correlation-id" not in said["headers"]
    assert not set(edge.DROPPED) & door.get("/views/winter", headers=own[0]).headers.keys()
    assert not set(edge.DROPPED) & door.get("/views/404", headers=own[0]).headers.keys()
    assert set(edge.DROPPED) <= door.get("/mine", headers=own[0] | bearer(cloud, "alice")).headers.keys()


def test_a_page_may_read_a_view_that_was_kept_for_another(door: httpx.Client) -> None:
    """CORS is by the origin, and so is the view, where page and API have not the same."""
    page = {"origin": "http://localhost:5173"}
    share(door, "/views/autumn", {}, {})
    share(door, "/views/autumn", page, page)
    assert door.get("/views/autumn", headers=page).headers["access-control-allow-origin"] == page["origin"]


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_no_error_is_kept(door: httpx.Client, status: int) -> None:
    """Not even one that says that it may be."""
    answers = [door.get(f"/views/{status}") for _ in range(5)]
    assert {each.status_code for each in answers} == {status}
    assert each_reaches_the_function(answers)


def test_what_one_person_is_told_is_not_kept(cloud: Cloud, door: httpx.Client) -> None:
    """Nor what asks for a change; nor anything of an API that has no edge before it."""
    assert each_reaches_the_function([door.get("/mine", headers=bearer(cloud, "alice")) for _ in range(5)])
    assert each_reaches_the_function([door.post("/views/winter") for _ in range(5)])
    for url in (cloud.doors.urls[OPERATOR_URL], cloud.api_url):
        assert each_reaches_the_function([httpx.get(f"{url}/views/winter", timeout=PATIENCE_S) for _ in range(5)])


def test_what_is_kept_does_not_count_into_the_limit(door: httpx.Client) -> None:
    """The edge answers before the API does: of what one path is asked, a request a second gets as far as the limit."""
    assert {door.get("/few/a").status_code for _ in range(40)} == {200}


@pytest.mark.parametrize("path", ["/views/200", "/views/404", "/few/x", "/mine", "/nothing"])
def test_every_answer_of_the_applicants_api_has_the_headers(door: httpx.Client, path: str) -> None:
    """Those that the function gave, those that were kept, and those of the front and the API itself."""
    for _ in range(2):
        said = door.get(path).headers
        assert {name: said.get(name) for name in edge.HEADERS} == edge.HEADERS
