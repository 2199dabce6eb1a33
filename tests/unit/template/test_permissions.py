"""Least privilege, said aloud: every statement has a reason, a resource, and a use."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from tests.templates import OPERATORS, Resource, Template, application, deployed, infrastructure, statements

BOTH = pytest.mark.parametrize("template", [application, infrastructure], ids=lambda each: each.path.name)
# EC2 describes everything or nothing, and its interfaces do not exist before they are made; MSK tells of the brokers
# without naming the cluster; and the policy of an endpoint for Lambda and STS must say *.
WIDE = {
    "AttachToTheVpc",
    "SeeTheirNetwork",
    "FindTheBrokers",
    "AskForTheBrokers",
    "ActUnderARole",
    "InvokeAFunction",
}
# Which kinds of resources each action knows, from AWS's own service reference, as cfn-lint ships it.
ACTIONS = json.loads((files("cfnlint") / "data" / "AdditionalSpecs" / "Policies.json").read_text())


def reasons(template: Template) -> dict[str, str]:
    """Return the comment above each Sid, by the Sid."""
    found: dict[str, str] = {}
    comment: list[str] = []
    for line in map(str.strip, template.text.splitlines()):
        if line.startswith("#"):
            comment.append(line)
        elif line.startswith(("- Sid:", "Sid:", "- { Sid:")):
            found[line.partition("Sid:")[2].strip(" ").partition(",")[0] + f" {len(found)}"] = " ".join(comment)
            comment = []
        elif not line.startswith(("- !If", "- Has")):
            comment = []
    return found


@BOTH
def test_every_statement_says_why(template: Template) -> None:
    """The lines above each Sid are a comment."""
    assert len(reasons(template)) == len(template.statements()) > 0
    assert not [sid for sid, comment in reasons(template).items() if not comment]


@BOTH
def test_a_wildcard_says_why_there_is_no_name(template: Template) -> None:
    """It is one of a few, and its comment speaks of it."""
    wide = {each["Sid"] for each in template.statements() if each["Resource"] == "*" and each["Effect"] == "Allow"}
    assert wide <= WIDE
    assert not [sid for sid, comment in reasons(template).items() if sid.split()[0] in wide and "*" not in comment]
    assert not [each for each in template.statements() if each["Effect"] == "Allow" and "*" in str(each["Action"])]


@BOTH
def test_an_action_without_a_resource_is_allowed_on_all(template: Template) -> None:
    """IAM denies it on anything narrower, silently, until it is called: by the event source, at a deployment."""
    for each in template.statements():
        if each["Effect"] == "Deny":
            continue
        for action in [each["Action"]] if isinstance(each["Action"], str) else each["Action"]:
            service, _, name = action.partition(":")
            if "Resources" not in ACTIONS[service]["Actions"][name.lower()]:
                assert each["Resource"] == "*", f"{action} knows no resource, {each['Sid']} names one"


def test_roles_are_our_own() -> None:
    """No policy of AWS is attached: those name no resource."""
    for name, role in deployed().items():
        if role["Type"] == "AWS::IAM::Role":
            managed = role["Properties"].get("ManagedPolicyArns", [])
            assert all(each.get("Ref") in application.of_type("AWS::IAM::ManagedPolicy") for each in managed), name


def test_only_event_source_and_operate_may_move_the_group() -> None:
    """A function that could commit offsets could lose records; operate sets them back, and is for direct invokes."""
    for name, role in application.of_type("AWS::IAM::Role").items():
        assert ("kafka-cluster:AlterGroup" in str(statements(role))) == (name in {"ConsumeRole", "OperateRole"})


def test_only_the_event_source_may_look_at_the_network() -> None:
    """It needs the brokers' VPC and groups; a function is attached to what its own configuration names."""
    holders = [*application.of_type("AWS::IAM::Role").items(), *application.of_type("AWS::IAM::ManagedPolicy").items()]
    for name, owner in holders:
        assert ("ec2:DescribeVpcs" in str(statements(owner))) == (name == "ConsumeRole")


def test_only_apply_writes_into_the_stream() -> None:
    """A record of another producer is a failed row at best."""
    for name, role in application.of_type("AWS::IAM::Role").items():
        assert ("kafka-cluster:WriteData" in str(statements(role))) == (name == "ApplyRole")


def granted(role: str, resources: dict[str, Resource]) -> list[Resource]:
    """Return the statements of one role, those of its managed policies included."""
    properties = resources[role]["Properties"]
    managed = [resources[each["Ref"]]["Properties"] for each in properties.get("ManagedPolicyArns", [])]
    return [each for owner in (properties, *managed) for each in statements(owner)]


def secrets(role: str, resources: dict[str, Resource]) -> set[str]:
    """Return the parameters that name the secrets which one role may read."""
    reading = [each for each in granted(role, resources) if "secretsmanager:" in str(each["Action"])]
    assert all(each["Action"] == "secretsmanager:GetSecretValue" for each in reading)
    named = [each["Resource"] for each in reading]
    return {one["Ref"] for each in named for one in (each if isinstance(each, list) else [each])}


OWNER = "MysqlSecretArn"
USERS = {"MysqlApplySecretArn", "MysqlConsumeSecretArn", "MysqlRetrySecretArn"}
SIGNS_IN_AS = {
    "Apply": {"MysqlApplySecretArn"},
    "Event": {"MysqlApplySecretArn"},
    "Consume": {"MysqlConsumeSecretArn"},
    "Retry": {"MysqlRetrySecretArn"},
    "Operate": {OWNER, *USERS},  # `migrate` makes the users
    "OperatorApi": {OWNER, *USERS},
}


@pytest.mark.parametrize("key", ["", "arn:aws:secretsmanager:us-east-1:1:secret:key"])
def test_a_function_reads_its_own_secrets_alone(key: str) -> None:
    """That of Redis, of its user of MySQL, and the key of the logs where there is one; the owner's is operate's."""
    resources = deployed(LogKeySecretArn=key, **OPERATORS)
    of_all = {"RedisSecretArn"} | ({"LogKeySecretArn"} if key else set())
    roles = {name for name, each in resources.items() if each["Type"] == "AWS::Lambda::Function"}
    assert {name.removesuffix("Function") for name in roles} == SIGNS_IN_AS.keys()
    for name, own in SIGNS_IN_AS.items():
        assert resources[f"{name}Function"]["Properties"]["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
        assert secrets(f"{name}Role", resources) == of_all | own, name


def test_a_function_is_told_of_the_secrets_that_it_may_read() -> None:
    """Its own user of MySQL; and who migrates, of the users that it makes."""
    resources = deployed(**OPERATORS)
    for name, own in SIGNS_IN_AS.items():
        variables = resources[f"{name}Function"]["Properties"]["Environment"]["Variables"]
        told = {
            key: each["Ref"]
            for key, each in variables.items()
            if key.startswith("FIRSTCOME_MYSQL_") and "_SECRET_ARN" in key
        }
        signed_in = OWNER if OWNER in own else next(iter(own))
        made = {
            f"FIRSTCOME_MYSQL_{each}_SECRET_ARN": f"Mysql{each.title()}SecretArn"
            for each in ("APPLY", "CONSUME", "RETRY")
        }
        assert told == {"FIRSTCOME_MYSQL_SECRET_ARN": signed_in} | (made if OWNER in own else {}), name


@pytest.mark.parametrize("boundary", ["", "arn:aws:iam::123456789012:policy/bound"])
def test_every_role_has_the_boundary(boundary: str) -> None:
    """The schedule's, which SAM makes, too; and none has one where there is none."""
    made = deployed(PermissionsBoundaryArn=boundary, **OPERATORS)
    roles = [each["Properties"] for each in made.values() if each["Type"] == "AWS::IAM::Role"]
    assert len(roles) == 7
    bound = {"Ref": "PermissionsBoundaryArn"} if boundary else None
    assert [role.get("PermissionsBoundary") for role in roles] == [bound] * len(roles)


@pytest.mark.parametrize(("make", "asked"), [("true", False), ("false", True)])
def test_operate_may_make_the_topic_where_the_stack_does_not(make: str, asked: bool) -> None:
    """One of both makes it."""
    resources = deployed(MakeTopic=make)
    assert ("kafka-cluster:CreateTopic" in json.dumps(resources)) == asked
    assert ("Topic" in resources) != asked


@pytest.mark.parametrize("role", ["OperateRole", "OperatorApiRole"])
@pytest.mark.parametrize("make", ["true", "false"])
def test_who_migrates_may_look_at_the_topic_and_set_it(role: str, make: str) -> None:
    """Whoever made the topic; nobody else may change its settings."""
    resources = deployed(MakeTopic=make, OperatorIssuer="https://issuer.example", OperatorAudience="operators")
    changing = "kafka-cluster:AlterTopicDynamicConfiguration"
    assert "kafka-cluster:DescribeTopicDynamicConfiguration" in json.dumps(granted(role, resources))
    roles = [name for name, each in resources.items() if each["Type"] == "AWS::IAM::Role"]
    assert {name for name in roles if changing in json.dumps(granted(name, resources))} == {
        "OperateRole",
        "OperatorApiRole",
    }
