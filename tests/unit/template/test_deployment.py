"""Versions and aliases: what is deployed is what serves, all at once or gradually, cold or warm."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.templates import (
    FUNCTIONS,
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


def test_everything_that_invokes_a_function_does_it_through_its_alias() -> None:
    """Otherwise a deployment would be live before it is, and a rollback would not reach it."""
    resources = deployed()
    live = {"Ref": "ConsumeFunctionAliaslive"}
    assert only(resources, "AWS::Lambda::EventSourceMapping")["FunctionName"] == live
    assert only(resources, "AWS::Scheduler::Schedule")["Target"]["Arn"] == {"Ref": "RetryFunctionAliaslive"}
    [invoke, _] = statements(resources["RetryFunctionEveryMinuteRole"]["Properties"])
    assert invoke["Resource"] == {"Ref": "RetryFunctionAliaslive"}
    assert only(resources, "AWS::Lambda::EventInvokeConfig")["Qualifier"] == "live"
    for api in ("Api", "BackEndApi"):
        body = json.dumps(resources[api]["Properties"]["Body"])
        assert body.count("${ApplyFunctionAliaslive}") == body.count("x-amazon-apigateway-integration") > 0
    assert application.outputs["OperateFunctionArn"]["Value"] == {"Ref": "OperateFunction.Alias"}


def test_a_new_layer_is_a_new_version_of_every_function() -> None:
    """Nearly all code is in the layer; an alias that kept the old one would serve the old code for ever."""
    before, after = (
        translated.translate(application.content, layer=f"s3://bucket/{name}") for name in ("before", "after")
    )
    assert len(versions(before)) == len(versions(after)) == len(FUNCTIONS)
    assert not versions(before) & versions(after)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_new_parameter_is_a_new_version(name: str) -> None:
    """SAM does not see a parameter's value: the description names the short ones, and one that stands for the rest."""
    described = functions[name]["VersionDescription"]["Fn::Sub"]
    seen = json.dumps([shared, functions[name]["SnapStart"] if name == "ApplyFunction" else None])
    used = {name for name in application.parameters if f'{{"Ref": "{name}"}}' in seen or f"${{{name}}}" in seen}
    for parameter, declared in application.parameters.items():
        if parameter in used and ("AllowedValues" in declared or declared["Type"] == "Number"):
            assert f"${{{parameter}}}" in described, f"{parameter} would change without a new version"
    named = set(re.findall(r"\$\{(\w+)\}", described))
    assert "Revision" in named
    assert named <= used, "a version in which nothing has changed but its description is refused"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_description_of_a_version_fits(name: str) -> None:
    """Lambda takes 256 characters."""
    longest = functions[name]["VersionDescription"]["Fn::Sub"]
    for parameter, declared in application.parameters.items():
        values = [str(each) for each in declared.get("AllowedValues", [declared.get("MaxValue", "x" * 64)])]
        longest = longest.replace(f"${{{parameter}}}", max(values, key=len))
    assert "${" not in longest
    assert len(longest) <= 256


@pytest.mark.parametrize("gradual", ["true", "false"])
@pytest.mark.parametrize("start", ["none", "snapstart", "provisioned"])
def test_snapstart_and_provisioned_concurrency_are_never_together(start: str, gradual: str) -> None:
    """Lambda refuses both. One parameter chooses, and only apply, where a person waits, has either."""
    resources = deployed(ColdStart=start, GradualDeployment=gradual)
    from_snapshot = {
        name
        for name, each in resources.items()
        if each["Type"] == "AWS::Lambda::Function" and each["Properties"].get("SnapStart", {}).get("ApplyOn") != "None"
        if "SnapStart" in each["Properties"]
    }
    warm = {name for name, each in resources.items() if "ProvisionedConcurrencyConfig" in each.get("Properties", {})}
    assert from_snapshot == ({"ApplyFunction"} if start == "snapstart" else set())
    assert warm == ({"ApplyFunctionAliaslive"} if start == "provisioned" else set())


def test_a_deployment_is_gradual_only_when_asked_for() -> None:
    """Without, there is nothing of CodeDeploy, nor a role that could move an alias."""
    resources = deployed(GradualDeployment="false")
    assert not [name for name, each in resources.items() if each["Type"].startswith("AWS::CodeDeploy::")]
    assert not [name for name, each in resources.items() if "codedeploy" in json.dumps(each).lower()]
    assert not {"DeploymentRole", "NewApplyFails", "NewConsumeFails"} & resources.keys()


def test_a_gradual_deployment_is_watched_by_alarms_of_the_new_version() -> None:
    """Each rolls back on the errors of the very version that it brings."""
    resources = deployed(GradualDeployment="true")
    groups = {name: each["Properties"] for name, each in resources.items() if each["Type"].endswith("DeploymentGroup")}
    assert groups.keys() == {"ApplyFunctionDeploymentGroup", "ConsumeFunctionDeploymentGroup"}
    for name, group in groups.items():
        function = name.removesuffix("DeploymentGroup")
        assert group["ServiceRoleArn"] == {"Fn::GetAtt": ["DeploymentRole", "Arn"]}
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        [alarm] = [resources[each["Name"]["Ref"]]["Properties"] for each in group["AlarmConfiguration"]["Alarms"]]
        dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        version, attribute = dimensions["ExecutedVersion"]["Fn::GetAtt"]
        assert (resources[version]["Properties"]["FunctionName"], attribute) == ({"Ref": function}, "Version")


def test_codedeploy_may_move_the_two_aliases_and_nothing_else() -> None:
    """Its permissions name the functions that have a deployment."""
    [move, watch] = statements(application.of_type("AWS::IAM::Role")["DeploymentRole"])
    assert "OperateFunction" not in json.dumps(move)
    assert "RetryFunction" not in json.dumps(move)
    assert watch["Action"] == "cloudwatch:DescribeAlarms"


def test_a_deployment_waits_for_nothing_that_waits_for_it() -> None:
    """What SAM makes is complete and in an order, with and without a gradual deployment."""
    assert translated.main() == 0


def test_conditions_are_decided_by_the_parameters() -> None:
    """The means of these tests: what is conditional is there with one value and not with the other."""
    whole = translate()
    with_domain = decide(whole, ApiDomainName="api.example.com", ApiCertificateArn="arn:aws:acm:x")
    assert with_domain.keys() - decide(whole).keys() == {"ApiDomain", "ApiMapping"}
