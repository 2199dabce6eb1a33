"""template.yaml keeps the rules that no linter knows, and agrees with the code."""

from __future__ import annotations

import re
import tomllib
import warnings
from copy import deepcopy
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from firstcome.settings import PREFIX, Settings
from firstcome.tail import TOPIC_CONFIGS

# The template is read with SAM CLI's own parser, where SAM CLI is installed.
yaml_parse = pytest.importorskip("samcli.yamlhelper").yaml_parse
transform = pytest.importorskip("samtranslator.translator.transform").transform

Resource = dict[str, Any]

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "template.yaml").read_text()
template: dict[str, Any] = yaml_parse(TEXT)
shared: Resource = template["Globals"]["Function"]
variables: dict[str, Any] = shared["Environment"]["Variables"]
settings = Settings()


def of_type(kind: str) -> dict[str, Resource]:
    """Answer the properties of the template's resources of one type, by their logical ids."""
    return {name: each.get("Properties", {}) for name, each in template["Resources"].items() if each["Type"] == kind}


functions = of_type("AWS::Serverless::Function")
FUNCTIONS = ["ApplyFunction", "ConsumeFunction", "RetryFunction", "OperateFunction"]


@pytest.fixture(scope="module")
def translated() -> dict[str, Resource]:
    """Answer the resources that CloudFormation is given, as SAM translates them."""
    source = deepcopy(template)
    for each in source["Resources"].values():
        for uri in {"CodeUri", "ContentUri"} & each.get("Properties", {}).keys():
            each["Properties"][uri] = "s3://bucket/key"  # what `sam package` makes of a folder

    class NoManagedPolicies:
        def load(self) -> dict[str, str]:
            return {}

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        resources: dict[str, Resource] = transform(source, {}, NoManagedPolicies())["Resources"]
    return resources


# --- time ------------------------------------------------------------------------------------------------------------

# That no function is ended before it answers: test_worst_case.py.


def test_no_apply_outlives_the_wait_of_a_restore() -> None:
    """A gate is rebuilt when every apply from before its loss has ended."""
    assert functions["ApplyFunction"]["Timeout"] * 1000 <= settings.restore_wait_ms


def test_retry_has_time_for_work_and_for_its_reserve() -> None:
    """Waiting for a restore, reading the stream and the reserve together leave it half of its time for work."""
    spent_ms = settings.restore_wait_ms + settings.kafka_tail_timeout_ms + settings.retry_reserve_ms
    assert functions["RetryFunction"]["Timeout"] * 1000 >= 2 * spent_ms


def test_the_sweep_waits_for_a_batch_to_fill() -> None:
    """A ticket whose record still waits in a batch is not overdue."""
    stream = functions["ConsumeFunction"]["Events"]["Stream"]["Properties"]
    assert stream["MaximumBatchingWindowInSeconds"] * 1000 * 10 <= settings.sweep_overdue_ms


# --- the stream ------------------------------------------------------------------------------------------------------


def test_nothing_caps_the_retries_of_a_batch(translated: dict[str, Resource]) -> None:
    """No destination, which would end them after ten, and no limit, which needs provisioned pollers."""
    [source] = [each["Properties"] for each in translated.values() if each["Type"] == "AWS::Lambda::EventSourceMapping"]
    assert "DestinationConfig" not in source
    limits = {"MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError"}
    assert "ProvisionedPollerConfig" in source or not (limits | {"FunctionResponseTypes"}) & source.keys()
    assert source["StartingPosition"] == "TRIM_HORIZON"
    assert source["AmazonManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": {"Ref": "KafkaGroup"}}


def test_the_topic_is_the_one_that_migrate_would_make() -> None:
    """Whoever makes it, CloudFormation or `operate migrate`: it is the same topic."""
    lines = of_type("AWS::MSK::Topic")["Topic"]["Configs"]["Fn::Base64"].splitlines()
    assert dict(line.split("=") for line in lines) == TOPIC_CONFIGS | {"min.insync.replicas": "2"}


def test_the_defaults_are_those_of_the_settings() -> None:
    """A parameter that has a default, and a setting of the same name, agree; security is stricter on AWS."""
    here = {name: str(each["Default"]) for name, each in template["Parameters"].items() if "Default" in each}
    code = {PREFIX + field.name.upper(): str(field.default) for field in fields(Settings)}
    defaulted = {name: here[ref["Ref"]] for name, ref in settable().items() if ref["Ref"] in here}
    different = {name for name, default in defaulted.items() if default.lower() != code[name].lower()}
    assert different == {"FIRSTCOME_KAFKA_SECURITY", "FIRSTCOME_MYSQL_CA_FILE"}


# --- the environment -------------------------------------------------------------------------------------------------


def settable() -> dict[str, Any]:
    return {name: value for name, value in variables.items() if name.startswith(PREFIX)}


def test_every_variable_is_a_setting() -> None:
    """A misspelt one would be ignored silently."""
    assert settable().keys() <= {PREFIX + field.name.upper() for field in fields(Settings)}
    assert all(name.startswith("POWERTOOLS_") for name in variables.keys() - settable().keys())


def test_what_is_for_local_use_cannot_be_set() -> None:
    """Neither an identity in place of the authorizer's nor `wipe` can reach AWS."""
    assert "FIRSTCOME_LOCAL" not in TEXT
    assert all("Environment" not in properties for properties in functions.values()), "all variables stand in Globals"


def test_no_password_is_a_parameter() -> None:
    """What is secret is named by its ARN, and a URL with a password is turned down."""
    for name, secret, plain in (
        ("RedisUrl", "rediss://user:secret@redis.example.com:6379", "rediss://redis.example.com:6379/0"),
        ("MysqlUrl", "mysql://root:secret@mysql.example.com/firstcome", "mysql://mysql.example.com:3306/firstcome"),
    ):
        pattern = template["Parameters"][name]["AllowedPattern"]
        assert not re.search(pattern, secret)
        assert re.search(pattern, plain)


def test_samconfig_names_parameters_that_exist() -> None:
    """An override of a parameter that was renamed would be ignored silently."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]
    local = ("local_invoke", "local_start_api")
    overrides = [tuple(config[command]["parameters"]["parameter_overrides"]) for command in local]
    assert len(set(overrides)) == 1, "sam local invoke and start-api run on the same servers"
    assert {override.partition("=")[0] for override in overrides[0]} <= template["Parameters"].keys()


# --- the functions ---------------------------------------------------------------------------------------------------


def test_there_are_four_functions_of_the_same_kind() -> None:
    """python3.13 on the processor that the parameter names, each from its own folder, all with the layer."""
    assert list(functions) == FUNCTIONS
    assert shared["Runtime"] == "python3.13"
    assert shared["Architectures"] == [{"Ref": "Architecture"}]
    assert shared["Layers"] == [{"Ref": "CommonLayer"}]
    for name, properties in functions.items():
        assert not {"Runtime", "Architectures", "Layers", "Handler"} & properties.keys()
        module, _, function = shared["Handler"].partition(".")
        source = ROOT / properties["CodeUri"] / f"{module}.py"
        assert source.parent.name == name.removesuffix("Function").lower()
        assert f"def {function}(" in source.read_text()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_writes_to_a_log_group_that_forgets(name: str) -> None:
    """Its own group, with a retention, and its role may write there and nowhere else."""
    group = functions[name]["LoggingConfig"]["LogGroup"]["Ref"]
    assert of_type("AWS::Logs::LogGroup")[group]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    role = of_type("AWS::IAM::Role")[functions[name]["Role"]["Fn::GetAtt"][0]]
    writing = [each for each in statements(role) if "logs:" in str(each["Action"])]
    assert [each["Resource"] for each in writing] == [{"Fn::GetAtt": [group, "Arn"]}]


def test_apply_cannot_take_all_connections() -> None:
    """How many environments there may be is said, because each holds connections to all servers."""
    assert functions["ApplyFunction"]["ReservedConcurrentExecutions"] == {"Ref": "ApplyConcurrency"}


def test_the_schedule_is_every_minute_and_its_failures_are_kept(translated: dict[str, Resource]) -> None:
    """Neither an invocation that Scheduler could not make nor one that failed disappears."""
    [schedule] = [each["Properties"] for each in translated.values() if each["Type"] == "AWS::Scheduler::Schedule"]
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    target, queue = schedule["Target"], {"Fn::GetAtt": ["RetryDeadLetters", "Arn"]}
    assert target["Input"] == (ROOT / "events" / "retry-schedule.json").read_text().strip()
    assert target["DeadLetterConfig"] == {"Arn": queue}
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 60, "the next minute's run does the same work"
    [invoke] = [each["Properties"] for each in translated.values() if each["Type"] == "AWS::Lambda::EventInvokeConfig"]
    assert invoke["DestinationConfig"]["OnFailure"]["Destination"] == queue
    assert invoke["MaximumRetryAttempts"] == 0


def test_operate_has_no_door_but_iam(translated: dict[str, Resource]) -> None:
    """No event and no permission of another service: only a principal with lambda:InvokeFunction gets in."""
    assert "Events" not in functions["OperateFunction"]
    permitted = [each["Properties"] for each in translated.values() if each["Type"] == "AWS::Lambda::Permission"]
    assert {each["FunctionName"]["Ref"] for each in permitted} == {"ApplyFunction"}


# --- the APIs --------------------------------------------------------------------------------------------------------


def routes(api: Resource) -> dict[str, str]:
    """Answer who may use each route of a translated API."""
    found: dict[str, str] = {}
    for path, methods in api["Properties"]["Body"]["paths"].items():
        for method, operation in methods.items():
            [[authorizer]] = operation["security"]
            found["$default" if operation.get("isDefaultRoute") else f"{method.upper()} {path}"] = authorizer
    return found


def test_only_the_view_of_an_event_is_open_to_all(translated: dict[str, Resource]) -> None:
    """Applicants bring a token, back ends sign with IAM; that holds for what no route names, too."""
    open_to_all = {"GET /events/{event_id}": "NONE"}
    applicants, back_ends = routes(translated["Api"]), routes(translated["BackEndApi"])
    assert {key: who for key, who in applicants.items() if who != "Applicant"} == open_to_all
    assert set(back_ends.values()) == {"AWS_IAM"}
    assert applicants.keys() == back_ends.keys()


def test_the_routes_are_those_of_the_handler(translated: dict[str, Resource]) -> None:
    """A route that only one of them knows would be a 404 of the wrong kind, or never be reached."""
    from functions.apply.handler import app

    known = {f"{route.method} {route.path}" for route in (*app._static_routes, *app._dynamic_routes)}
    assert routes(translated["Api"]).keys() - {"$default"} == {
        key.translate(str.maketrans("<>", "{}")) for key in known
    }


# --- permissions -----------------------------------------------------------------------------------------------------


def statements(role_or_policy: Resource) -> list[Resource]:
    """Answer the statements of a role or a policy; of a conditional one, the statement that it may be."""
    documents = [each["PolicyDocument"] for each in role_or_policy.get("Policies", [role_or_policy])]
    found = [each for document in documents for each in document["Statement"]]
    return [each["Fn::If"][1] if "Fn::If" in each else each for each in found]


def all_statements() -> list[Resource]:
    owners = [*of_type("AWS::IAM::Role").values(), *of_type("AWS::IAM::ManagedPolicy").values()]
    return [statement for owner in owners for statement in statements(owner)]


def test_only_what_has_no_resource_names_none() -> None:
    """EC2's interfaces do not exist beforehand; everything else is allowed on something that has a name."""
    wide = [each for each in all_statements() if each["Resource"] == "*" and each["Effect"] == "Allow"]
    assert [each["Sid"] for each in wide] == ["AttachToTheVpc"]
    assert not [each for each in all_statements() if each["Effect"] == "Allow" and "*" in str(each["Action"])]


def test_roles_are_our_own(translated: dict[str, Resource]) -> None:
    """No policy of AWS is attached: those name no resource."""
    for name, role in translated.items():
        if role["Type"] == "AWS::IAM::Role":
            managed = role["Properties"].get("ManagedPolicyArns", [])
            assert all(each.get("Ref") in of_type("AWS::IAM::ManagedPolicy") for each in managed), name


def test_only_the_event_source_may_move_the_group() -> None:
    """A function that could commit offsets could lose records."""
    for name, role in of_type("AWS::IAM::Role").items():
        assert ("kafka-cluster:AlterGroup" in str(statements(role))) == (name == "ConsumeRole")


def test_every_statement_says_why() -> None:
    """The line above each Sid is a comment."""
    lines = [line.strip() for line in TEXT.splitlines() if not re.fullmatch(r" *- (!If|Has\w+)", line)]
    bare = [line for above, line in pairwise(lines) if line.startswith("- Sid:") and not above.startswith("#")]
    assert not bare
    assert sum(line.startswith("- Sid:") for line in lines) == len(all_statements())


def test_every_parameter_is_explained() -> None:
    """Each has a description, and a place in the form that the console shows."""
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert [name for group in groups for name in group["Parameters"]] == list(template["Parameters"])
    assert all(each["Description"] for each in template["Parameters"].values())
