"""template.edge.yaml: who gets through to the API, what is cached and by what, and whom the WAF stops."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import pytest

from dev import edge as local_edge
from dev import pages
from firstcome.apply import shown as answers
from firstcome.apply.edge import HEADER
from tests.templates import ROOT, Template, application, decide

edge = Template(ROOT / "template.edge.yaml")
DOMAIN, ISSUER = "coupons.example.com", "https://login.example.com"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
SECRET = "0f" * 32
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html, what can be said of each.
KEPT_BY_CLOUDFRONT = {400, 403, 404, 405, 414, 500, 501, 502, 503, 504}


def distribution(waf: str = "true") -> dict[str, Any]:
    made: dict[str, Any] = decide(edge.content, Waf=waf)["Distribution"]["Properties"]["DistributionConfig"]
    return made


def behaviour(path: str) -> dict[str, Any]:
    """Return the behaviour of a path, as CloudFront finds it: the first pattern that fits, or the default."""
    config = distribution()
    for each in config["CacheBehaviors"]:
        pattern = ".*".join(map(re.escape, each["PathPattern"].split("*")))
        if re.fullmatch(pattern, path):
            return dict(each)
    return dict(config["DefaultCacheBehavior"])


def cache(path: str) -> dict[str, Any]:
    """Return the cache policy of a path, which is one of this template's."""
    policy = edge.resources[behaviour(path)["CachePolicyId"]["Ref"]]
    return dict(policy["Properties"]["CachePolicyConfig"])


def rules() -> dict[str, dict[str, Any]]:
    firewall = edge.resources["FirewallOfThePage"]["Properties"]
    return {each["Name"]: each for each in firewall["Rules"]}


def test_the_api_knows_the_edge_by_its_secret_header() -> None:
    """The name is the one that the functions look for; the value is a secret, and its hash is a parameter there."""
    [api] = [each for each in distribution()["Origins"] if each["Id"] == "api"]
    assert api["OriginCustomHeaders"] == [{"HeaderName": HEADER, "HeaderValue": {"Ref": "EdgeSecret"}}]
    assert edge.parameters["EdgeSecret"]["NoEcho"] is True
    assert "Default" not in edge.parameters["EdgeSecret"]
    assert re.fullmatch(edge.parameters["EdgeSecret"]["AllowedPattern"], SECRET)
    hashed = sha256(SECRET.encode()).hexdigest()
    for hashes in ("", hashed, f"{hashed},{hashed}"):
        assert re.fullmatch(application.parameters["EdgeSha256"]["AllowedPattern"], hashes)
    assert not re.fullmatch(application.parameters["EdgeSha256"]["AllowedPattern"], hashed.upper())


def test_the_secret_travels_over_tls_only() -> None:
    """And under the name that the API's certificate has."""
    [api] = [each for each in distribution()["Origins"] if each["Id"] == "api"]
    assert api["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert api["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]
    assert api["DomainName"] == {"Ref": "ApiDomainName"}
    assert {each["ViewerProtocolPolicy"] for each in distribution()["CacheBehaviors"]} == {"https-only"}


def test_an_event_is_cached_for_a_second_without_identity() -> None:
    """One answer for all: the key is the path, and neither a token nor a cookie nor a query reaches the API."""
    found = behaviour("/events/spring-sale")
    assert found["TargetOriginId"] == "api"
    assert "OriginRequestPolicyId" not in found
    assert found["AllowedMethods"] == ["GET", "HEAD"]
    policy = cache("/events/spring-sale")
    assert (policy["MinTTL"], policy["DefaultTTL"], policy["MaxTTL"]) == (0, 1, 1)
    assert f"public, max-age={policy['MaxTTL']}" == answers.PUBLIC["Cache-Control"]
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    assert [key[f"{what}Config"] for what in ("Headers", "Cookies", "QueryStrings")] == [
        {"HeaderBehavior": "none"},
        {"CookieBehavior": "none"},
        {"QueryStringBehavior": "none"},
    ]


@pytest.mark.parametrize("path", ["/events/spring-sale/applications", "/events/spring-sale/applications/alice"])
def test_what_one_person_is_told_is_not_cached(path: str) -> None:
    """The token goes through, and the API's own name in place of the edge's."""
    found = behaviour(path)
    assert found["TargetOriginId"] == "api"
    assert (found["CachePolicyId"], found["OriginRequestPolicyId"]) == (CACHING_DISABLED, ALL_VIEWER_EXCEPT_HOST)
    assert {"GET", "POST"} <= set(found["AllowedMethods"])


def test_every_route_of_the_applicants_api_leads_to_it() -> None:
    """And no file of the page does."""
    functions = application.of_type("AWS::Serverless::Function")
    events = [each["Properties"] for name in functions for each in functions[name].get("Events", {}).values()]
    paths = {each["Path"] for each in events if each.get("ApiId") == {"Ref": "Api"}}
    assert len(paths) == 3
    for path in paths:
        assert behaviour(re.sub(r"\{\w+\}", "x", path))["TargetOriginId"] == "api"
    for file in (ROOT / "web" / "event").iterdir():
        assert behaviour(f"/{file.name}")["TargetOriginId"] == "pages"


def test_no_error_is_cached() -> None:
    """What was wrong a moment ago is no answer to the next."""
    errors = distribution()["CustomErrorResponses"]
    assert {each["ErrorCode"]: each["ErrorCachingMinTTL"] for each in errors} == dict.fromkeys(KEPT_BY_CLOUDFRONT, 0)
    assert all(each.keys() == {"ErrorCode", "ErrorCachingMinTTL"} for each in errors), "nor is another one told"


def test_the_local_front_keeps_a_view_as_long() -> None:
    """So that the tests meet what people meet: tests/e2e/test_edge.py."""
    assert cache("/events/spring-sale")["MaxTTL"] == local_edge.KEPT_S
    [show] = application.of_type("AWS::Serverless::Function")["EventFunction"]["Events"].values()
    assert show["Properties"]["ApiId"] == {"Ref": local_edge.API}


def test_an_answer_for_all_names_nobodys_request() -> None:
    """What one person alone is told keeps the id of their request."""
    headers = edge.resources[behaviour("/events/spring-sale")["ResponseHeadersPolicyId"]["Ref"]]["Properties"]
    removed = headers["ResponseHeadersPolicyConfig"]["RemoveHeadersConfig"]["Items"]
    assert {each["Header"] for each in removed} == set(local_edge.DROPPED)
    own = edge.resources[behaviour("/events/spring-sale/applications")["ResponseHeadersPolicyId"]["Ref"]]["Properties"]
    assert "RemoveHeadersConfig" not in own["ResponseHeadersPolicyConfig"]


@pytest.mark.parametrize("policy", ["PagesHeaders", "ApiHeaders", "EventHeaders"])
def test_the_local_front_sends_the_same_headers(policy: str) -> None:
    """Of page and API; that each of them has its policy, the next test says."""
    said = edge.resources[policy]["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    tls = said["StrictTransportSecurity"]
    assert tls.keys() == {"AccessControlMaxAgeSec", "Override"}, "a subdomain is others' business"
    assert {
        "x-content-type-options": "nosniff",  # the only value that there is
        "referrer-policy": said["ReferrerPolicy"]["ReferrerPolicy"],
        "strict-transport-security": f"max-age={tls['AccessControlMaxAgeSec']}",
    } == local_edge.HEADERS
    assert said.keys() - {"ContentSecurityPolicy"} == {
        "ContentTypeOptions",
        "ReferrerPolicy",
        "StrictTransportSecurity",
    }
    assert all(each["Override"] is True for each in said.values())


def test_the_pages_headers_are_those_of_the_local_front() -> None:
    """So that the browser tests meet them; page and API have one origin here, and TLS."""
    config = edge.resources["PagesHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    said = config["SecurityHeadersConfig"]
    local = pages.headers({"api": "", "issuer": f"{ISSUER}/"})
    policy = said["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"].replace("${IssuerOrigins}", ISSUER)
    assert policy == local["content-security-policy"]
    assert local_edge.HEADERS.items() <= local.items()
    [kept] = config["CustomHeadersConfig"]["Items"]
    assert f"Cache-Control: {kept['Value']}" in (ROOT / "docs" / "page.md").read_text()
    assert behaviour("/")["ResponseHeadersPolicyId"] == {"Ref": "PagesHeaders"}
    assert behaviour("/events/x")["ResponseHeadersPolicyId"] == {"Ref": "EventHeaders"}
    assert behaviour("/events/x/applications")["ResponseHeadersPolicyId"] == {"Ref": "ApiHeaders"}


def test_only_the_distribution_reads_the_pages() -> None:
    """A bucket without a way in of its own."""
    access = edge.resources["Pages"]["Properties"]["PublicAccessBlockConfiguration"]
    assert len(access) == 4
    assert all(access.values())
    allowed = [
        each
        for each in edge.resources["PagesPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        if each["Effect"] == "Allow"
    ]
    assert [each["Action"] for each in allowed] == ["s3:GetObject"]
    assert "Distribution" in str(allowed[0]["Condition"]["StringEquals"]["AWS:SourceArn"])


def test_a_challenge_meets_the_page_alone() -> None:
    """It is answered 202, as an application that is accepted: nothing of the API and no file of the page may be."""
    [challenge] = [each for each in rules().values() if "Challenge" in each["Action"]]
    matches = [each["ByteMatchStatement"] for each in challenge["Statement"]["OrStatement"]["Statements"]]
    assert {each["SearchString"] for each in matches} == {"/", "/index.html"}
    assert {each["PositionalConstraint"] for each in matches} == {"EXACTLY"}
    assert all(each["FieldToMatch"] == {"UriPath": {}} for each in matches)


def test_who_is_stopped_hears_a_status_that_the_page_knows() -> None:
    """429: ask again later, at random. The WAF's own 403 would be a word of the API's."""
    [blocked] = [each["Action"]["Block"] for each in rules().values() if "Block" in each["Action"]]
    assert blocked["CustomResponse"]["ResponseCode"] == 429
    assert "response.status === 429" in (ROOT / "web" / "event" / "api.js").read_text()


def test_the_waf_keeps_nobodys_requests() -> None:
    """A sample has address and path, which names a person."""
    firewall = edge.resources["FirewallOfThePage"]["Properties"]
    for each in (firewall, *rules().values()):
        assert each["VisibilityConfig"]["SampledRequestsEnabled"] is False
    assert firewall["Scope"] == "CLOUDFRONT"


@pytest.mark.parametrize("waf", ["true", "false"])
def test_the_waf_is_a_parameters(waf: str) -> None:
    """The firewall stands before the page exactly where `Waf` is true."""
    resources = decide(edge.content, Waf=waf)
    assert ("FirewallOfThePage" in resources) is ("WebACLId" in distribution(waf)) is (waf == "true")
