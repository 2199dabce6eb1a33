"""Versions and the alias: what is deployed is what serves applicants, cold or warm."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.templates import (
    OPERATORS,
    application,
    decide,
    deployed,
    functions,
    only,
    statements,
    translate,
    translated,
)

shared = application.content["Globals"]["Function"]


def versions(whole: dict[str, Any]) -> set[str]:
    """Return the logical ids of the versions: another id is another version."""
    return {name for name, each in whole["Resources"].items() if each["Type"] == "AWS::Lambda::Version"}


def test_applicants_are_served_by_the_alias() -> None:
    """Both APIs go to apply's, so that code and configuration change in one step; nothing else has one.

    But for the view of an event, whose function nobody signs in to: who meets the moment between both looks again.
    """
    resources = deployed(**OPERATORS)
    assert [name for name, each in functions.items() if "AutoPublishAlias" in each] == ["ApplyFunction"]
    assert "AutoPublishAlias" not in shared
    for api in ("Api", "BackEndApi"):
        body = json.dumps(resources[api]["Properties"]["Body"])
        found = body.count("${ApplyFunctionAliaslive}"), body.count("${EventFunction.Arn}")
        assert found[1] == (api == "Api")
        assert sum(found) == body.count("x-amazon-apigateway-integration") > 1


def test_whoever_repeats_invokes_what_is_deployed_last() -> None:
    """The event source, the schedule, the calls that it fails, and operators: each by the function's own name."""
    resources = deployed(**OPERATORS)
    assert only(resources, "AWS::Lambda::EventSourceMapping")["FunctionName"] == {"Ref": "ConsumeFunction"}
    retry = {"Fn::GetAtt": ["RetryFunction", "Arn"]}
    assert only(resources, "AWS::Scheduler::Schedule")["Target"]["Arn"] == retry
    [invoke, _] = statements(resources["RetryFunctionEveryMinuteRole"]["Properties"])
    assert invoke["Resource"] == retry
    assert only(resources, "AWS::Lambda::EventInvokeConfig")["Qualifier"] == "$LATEST"
    assert "${OperatorApiFunction.Arn}" in json.dumps(resources["OperatorApi"]["Properties"]["Body"])
    assert application.outputs["OperateFunctionArn"]["Value"] == {"Fn::GetAtt": ["OperateFunction", "Arn"]}


def test_a_new_layer_is_a_new_version_of_apply() -> None:
    """Nearly all code is in the layer; an alias that kept the old one would serve the old code for ever."""
    before, after = (
        translated.translate(application.content, layer=f"s3://bucket/{name}") for name in ("before", "after")
    )
    assert len(versions(before)) == len(versions(after)) == 1
    assert not versions(before) & versions(after)


def test_a_new_parameter_is_a_new_version() -> None:
    """SAM does not see a parameter's value: the description names the short ones, and one that stands for the rest."""
    described = functions["ApplyFunction"]["VersionDescription"]["Fn::Sub"]
    seen = json.dumps([shared, functions["ApplyFunction"]["SnapStart"]])
    used = {name for name in application.parameters if f'{{"Ref": "{name}"}}' in seen or f"${{{name}}}" in seen}
    for parameter, declared in application.parameters.items():
        if parameter in used and ("AllowedValues" in declared or declared["Type"] == "Number"):
            assert f"${{{parameter}}}" in described, f"{parameter} would change without a new version"
    named = set(re.findall(r"\$\{(\w+)\}", described))
    assert "Revision" in named
    assert named <= used, "a version in which nothing has changed but its description is refused"


def test_the_description_of_a_version_fits() -> None:
    """Lambda takes 256 characters."""
    longest = functions["ApplyFunction"]["VersionDescription"]["Fn::Sub"]
    for parameter, declared in application.parameters.items():
        values = [str(each) for each in declared.get("AllowedValues", [declared.get("MaxValue", "x" * 64)])]
        longest = longest.replace(f"${{{parameter}}}", max(values, key=len))
    assert "${" not in longest
    assert len(longest) <= 256


@pytest.mark.parametrize("start", ["none", "snapstart", "provisioned"])
def test_snapstart_excludes_provisioned_concurrency(start: str) -> None:
    """Lambda refuses both. One parameter chooses, and only apply, where a person waits, has either."""
    resources = deployed(ColdStart=start)
    from_snapshot = {
        name
        for name, each in resources.items()
        if each["Type"] == "AWS::Lambda::Function" and each["Properties"].get("SnapStart", {}).get("ApplyOn") != "None"
        if "SnapStart" in each["Properties"]
    }
    warm = {name for name, each in resources.items() if "ProvisionedConcurrencyConfig" in each.get("Properties", {})}
    assert from_snapshot == ({"ApplyFunction"} if start == "snapstart" else set())
    assert warm == ({"ApplyFunctionAliaslive"} if start == "provisioned" else set())


def test_lambda_logs_no_more_than_the_functions_do() -> None:
    """Its own lines of each request are off where most requests leave none of ours; what failed stays a warning."""
    assert shared["LoggingConfig"] == {"LogFormat": "JSON", "ApplicationLogLevel": {"Ref": "LogLevel"}}
    quiet = {name: each["LoggingConfig"].get("SystemLogLevel") for name, each in functions.items()}
    assert quiet == dict.fromkeys(functions) | {"ApplyFunction": "WARN", "EventFunction": "WARN"}
    made = only_function(deployed(), "ApplyFunction")["LoggingConfig"]
    assert made == shared["LoggingConfig"] | functions["ApplyFunction"]["LoggingConfig"]


def only_function(resources: dict[str, Any], name: str) -> dict[str, Any]:
    return resources[name]["Properties"]  # type: ignore[no-any-return]


def test_a_deployment_waits_for_nothing_that_waits_for_it() -> None:
    """What SAM makes is complete and in an order."""
    assert translated.main() == 0


def test_conditions_are_decided_by_the_parameters() -> None:
    """The means of these tests: what is conditional is there with one value and not with the other."""
    whole = translate()
    with_domain = decide(whole, ApiDomainName="api.example.com", ApiCertificateArn="arn:aws:acm:x")
    assert with_domain.keys() - decide(whole).keys() == {"ApiDomain", "ApiMapping"}
