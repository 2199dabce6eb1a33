"""Parameters and the environment agree with the code, and hold no secret."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from typing import Any

import pytest

from firstcome.settings import PREFIX, Settings
from tests.templates import ROOT, Template, application, functions, infrastructure, observability, yaml_parse

variables: dict[str, Any] = application.content["Globals"]["Function"]["Environment"]["Variables"]
own: dict[str, dict[str, Any]] = {name: each["Environment"]["Variables"] for name, each in functions.items()}
parameters = application.parameters


def settable() -> dict[str, Any]:
    every = variables | own["OperateFunction"]
    return {name: value for name, value in every.items() if name.startswith(PREFIX)}


def test_the_defaults_are_those_of_the_settings() -> None:
    """A parameter that has a default, and a setting of the same name, agree; signing in is stricter on AWS."""
    here = {name: str(each["Default"]) for name, each in parameters.items() if "Default" in each}
    code = {PREFIX + field.name.upper(): str(field.default) for field in fields(Settings)}
    said = {name: here.get(value["Ref"]) if isinstance(value, dict) else value for name, value in settable().items()}
    different = {name for name, default in said.items() if default and default.lower() != code[name].lower()}
    assert different == {"FIRSTCOME_KAFKA_SECURITY", "FIRSTCOME_MYSQL_CA_FILE"}


def test_there_is_one_way_to_sign_in_to_each_server() -> None:
    """Secrets for Redis and MySQL, both needed, and IAM for Kafka; all of it travels in TLS."""
    of_one = variables | own["RetryFunction"]
    signing = {name for name in of_one if re.search("SECRET|IAM|CA_FILE|SECURITY|USER_ARN", name)}
    assert signing == {
        "FIRSTCOME_REDIS_SECRET_ARN",
        "FIRSTCOME_MYSQL_SECRET_ARN",
        "FIRSTCOME_MYSQL_CA_FILE",
        "FIRSTCOME_KAFKA_SECURITY",
        "FIRSTCOME_LOG_KEY_SECRET_ARN",
    }
    secrets = {name for name in parameters if re.match("(Redis|Mysql).*SecretArn", name)}
    assert len(secrets) == 5
    assert not [name for name in secrets if "Default" in parameters[name]]
    assert not re.search(parameters["RedisUrl"]["AllowedPattern"], "redis://redis.example.com:6379")
    assert (variables["FIRSTCOME_MYSQL_CA_FILE"], variables["FIRSTCOME_KAFKA_SECURITY"]) == ("rds", "AWS_MSK_IAM")


def test_tokens_of_iam_need_only_the_lines_of_their_page() -> None:
    """What docs/how-to/iam-tokens.md says to write into the template is settings that exist, and permissions."""
    page = (ROOT / "docs" / "how-to" / "iam-tokens.md").read_text()
    blocks = [yaml_parse(each) for each in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    named = {name for block in blocks if isinstance(block, dict) for name in block}
    assert named == {"FIRSTCOME_REDIS_IAM_CACHE_ARN", "FIRSTCOME_REDIS_IAM_USER_ARN", "FIRSTCOME_MYSQL_IAM_USER_ARN"}
    assert {name.removeprefix(PREFIX).lower() for name in named} <= {field.name for field in fields(Settings)}
    actions = {statement["Action"] for block in blocks if isinstance(block, list) for statement in block}
    assert actions == {"elasticache:Connect", "rds-db:connect"}


def test_every_variable_is_a_setting() -> None:
    """A misspelt one would be ignored silently."""
    assert settable().keys() <= {PREFIX + field.name.upper() for field in fields(Settings)}
    others = variables.keys() - settable().keys() - {"DEPLOYMENT"}  # nobody reads it: test_deployment.py says why
    assert all(name.startswith("POWERTOOLS_") for name in others)


def test_what_is_for_local_use_cannot_be_set() -> None:
    """Neither an identity in place of the authorizer's nor `wipe` can reach AWS."""
    assert "FIRSTCOME_LOCAL" not in application.text
    assert all(re.fullmatch(r"FIRSTCOME_MYSQL_(\w+_)?SECRET_ARN", name) for each in own.values() for name in each)


def test_no_password_is_a_parameter() -> None:
    """What is secret is named by its ARN, and a URL with a password is turned down."""
    for name, secret, plain in (
        ("RedisUrl", "rediss://user:secret@redis.example.com:6379", "rediss://redis.example.com:6379/0"),
        ("MysqlUrl", "mysql://root:secret@mysql.example.com/firstcome", "mysql://mysql.example.com:3306/firstcome"),
    ):
        pattern = parameters[name]["AllowedPattern"]
        assert not re.search(pattern, secret)
        assert re.search(pattern, plain)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("PageOrigin", ["", "https://a.example", "https://a.example:8443"], ["*", "http://a.example", "https://a/b"]),
        ("ApiDomainName", ["", "api.a.example"], ["https://api.a.example", "localhost"]),
        ("Revision", ["", "2026-11-24T22:00:00"], ["a b", "x" * 65]),
    ],
)
def test_a_parameter_takes_what_it_is_for(name: str, good: list[str], bad: list[str]) -> None:
    """What would be deployed and then not work is turned down at once."""
    pattern = parameters[name]["AllowedPattern"]
    assert all(re.search(pattern, value) for value in good)
    assert not any(re.search(pattern, value) for value in bad)


def test_samconfig_names_parameters_that_exist() -> None:
    """An override of a parameter that was renamed would be ignored silently."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]
    local = [config[command]["parameters"] for command in ("local_invoke", "local_start_api")]
    assert local[0] == local[1], "sam local invoke and start-api run on the same servers"
    assert {override.partition("=")[0] for override in local[0]["parameter_overrides"]} <= parameters.keys()


def test_sam_local_changes_what_the_template_declares() -> None:
    """SAM CLI sets no other variable: neither signs in, and the servers of a machine speak no TLS."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]
    [changed] = json.loads((ROOT / config["local_invoke"]["parameters"]["env_vars"]).read_text()).values()
    assert changed.keys() <= settable().keys()
    assert {name for name in settable() if "SECRET_ARN" in name} - changed.keys() == {"FIRSTCOME_LOG_KEY_SECRET_ARN"}


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_an_environment_is_a_stack_with_a_tag(environment: str) -> None:
    """All that can be deployed by default is deployed there, under a name and a tag of its own, and production asks."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    said, default = (config[name]["deploy"]["parameters"] for name in (environment, "default"))
    assert default.keys() <= said.keys()
    assert config[environment]["global"]["parameters"]["stack_name"] == f"firstcome-{environment}"
    assert f"environment={environment}" in said["tags"]
    assert said["confirm_changeset"] == (environment == "prod")


@pytest.mark.parametrize("template", [application, infrastructure, observability], ids=lambda each: each.path.name)
def test_every_parameter_is_explained(template: Template) -> None:
    """Each has a description, and says what it takes."""
    assert all(each["Description"] for each in template.parameters.values())
    unbounded = {name for name, each in template.parameters.items() if not each.keys() & BOUNDS}
    typed = {"SubnetIds", "SecurityGroupIds"}  # AWS knows them
    assert unbounded <= typed, "say what is allowed"


BOUNDS = {"AllowedValues", "AllowedPattern", "MinValue", "MaxValue"}
