"""Parameters and the environment agree with the code, and hold no secret."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from typing import Any

import pytest

from firstcome.settings import PREFIX, Settings
from tests.templates import ROOT, Template, application, functions, infrastructure, observability

variables: dict[str, Any] = application.content["Globals"]["Function"]["Environment"]["Variables"]
parameters = application.parameters


def settable() -> dict[str, Any]:
    return {name: value for name, value in variables.items() if name.startswith(PREFIX)}


def test_the_defaults_are_those_of_the_settings() -> None:
    """A parameter that has a default, and a setting of the same name, agree; security is stricter on AWS."""
    here = {name: str(each["Default"]) for name, each in parameters.items() if "Default" in each}
    code = {PREFIX + field.name.upper(): str(field.default) for field in fields(Settings)}
    defaulted = {name: here[ref["Ref"]] for name, ref in settable().items() if ref["Ref"] in here}
    different = {name for name, default in defaulted.items() if default.lower() != code[name].lower()}
    assert different == {"FIRSTCOME_KAFKA_SECURITY", "FIRSTCOME_MYSQL_CA_FILE"}


def test_every_variable_is_a_setting() -> None:
    """A misspelt one would be ignored silently."""
    assert settable().keys() <= {PREFIX + field.name.upper() for field in fields(Settings)}
    others = variables.keys() - settable().keys() - {"DEPLOYMENT"}  # nobody reads it: test_deployment.py says why
    assert all(name.startswith("POWERTOOLS_") for name in others)


def test_what_is_for_local_use_cannot_be_set() -> None:
    """Neither an identity in place of the authorizer's nor `wipe` can reach AWS."""
    assert "FIRSTCOME_LOCAL" not in application.text
    assert all("Environment" not in properties for properties in functions.values()), "all variables stand in Globals"


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
    local = ("local_invoke", "local_start_api")
    overrides = [tuple(config[command]["parameters"]["parameter_overrides"]) for command in local]
    assert len(set(overrides)) == 1, "sam local invoke and start-api run on the same servers"
    assert {override.partition("=")[0] for override in overrides[0]} <= parameters.keys()


@pytest.mark.parametrize("template", [application, infrastructure, observability], ids=lambda each: each.path.name)
def test_every_parameter_is_explained(template: Template) -> None:
    """Each has a description, and a place in the form that the console shows, in the order of the file."""
    groups = template.content["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert [name for group in groups for name in group["Parameters"]] == list(template.parameters)
    assert all(each["Description"] for each in template.parameters.values())
    unbounded = {name for name, each in template.parameters.items() if not each.keys() & BOUNDS}
    typed = {"SubnetIds", "SecurityGroupIds"}  # AWS knows them
    assert {name for name in unbounded - typed if not name.endswith("CaFile")} == set(), "say what is allowed"


BOUNDS = {"AllowedValues", "AllowedPattern", "MinValue", "MaxValue"}
