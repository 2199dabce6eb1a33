"""The documents speak of what is there: links, tests, parameters, outputs, and what security.md counts on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

yaml_parse = pytest.importorskip("samcli.yamlhelper").yaml_parse

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
DEPLOY = (ROOT / "docs" / "deploy.md").read_text()


def template(name: str) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse((ROOT / name).read_text())
    return parsed


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as they are made where it is read."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    """To a file that is there, a heading in it, and a test of that name."""
    broken = []
    for text, target in LINK.findall(document.read_text()):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        named = re.fullmatch(r"`(test_\w+)`", text)
        if (
            not path.exists()
            or (anchor and anchor not in anchors(path.read_text()))
            or (named and f"def {named[1]}(" not in path.read_text())
        ):
            broken.append((text, target))
    assert not broken


# --- deploy.md and the templates -------------------------------------------------------------------------------------


def commands() -> str:
    """What deploy.md asks to be typed, one command a line."""
    blocks = re.findall(r"```console\n(.*?)```", DEPLOY, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return "\n".join(line[2:] for line in lines if line.startswith("$ "))


def test_deploy_md_names_parameters_that_exist() -> None:
    """Those that are set on a command line, or anywhere in the text."""
    known = (
        template("template.yaml")["Parameters"].keys() | template("template.infrastructure.yaml")["Parameters"].keys()
    )
    said = set(re.findall(r"\b((?:[A-Z][a-z0-9]+){2,}[A-Za-z]*)=", DEPLOY))
    # A word like those in a sentence: some parameter, output or resource of ours.
    spoken = set(re.findall(r"`((?:[A-Z][a-z0-9]+){2,})`", DEPLOY))
    ours = known | outputs("template.yaml") | outputs("template.infrastructure.yaml")
    assert len(said) > 10
    assert said <= known | outputs("template.infrastructure.yaml")
    assert spoken <= ours


def test_deploy_md_names_outputs_that_exist() -> None:
    """What the commands read from a stack is what the stack answers, and all of it where one stack feeds the other."""
    ours, servers = outputs("template.yaml"), outputs("template.infrastructure.yaml")
    assert set(re.findall(r"\$\(output (\w+)\)", commands())) <= ours
    assert set(re.findall(r"s/\^(\w+)=//p'", commands())) <= servers
    listed = DEPLOY.partition("$ outputs firstcome-infrastructure\n")[2].partition("```")[0]
    assert {line.partition("=")[0] for line in listed.splitlines()} == servers
    assert servers <= template("template.yaml")["Parameters"].keys()


def test_deploy_md_sets_what_has_no_default() -> None:
    """The first deployment is told everything that it must be told."""
    parameters = template("template.yaml")["Parameters"]
    deploy = next(line for line in commands().splitlines() if line.startswith("sam deploy"))
    given = outputs("template.infrastructure.yaml") | set(re.findall(r"(\w+)=", deploy))
    assert {name for name, each in parameters.items() if "Default" not in each} <= given
    servers = template("template.infrastructure.yaml")["Parameters"]
    assert not [name for name, each in servers.items() if "Default" not in each]


def test_deploy_md_asks_for_resources_that_exist() -> None:
    """Functions and log groups, by their logical ids."""
    asked = set(re.findall(r"\blog (\w+)", commands()))
    assert asked
    assert asked <= template("template.yaml")["Resources"].keys()


def outputs(name: str) -> set[str]:
    return set(template(name)["Outputs"])


# --- what security.md counts on --------------------------------------------------------------------------------------


def test_only_apply_writes_into_the_topic() -> None:
    """Whoever writes there can make a coupon."""
    resources = template("template.yaml")["Resources"]
    writers = {name for name, each in resources.items() if "kafka-cluster:WriteData" in actions(each)}
    anything = {name for name, each in resources.items() if {"kafka-cluster:*", "*"} & actions(each)}
    assert (writers, anything) == ({"ApplyRole"}, set())


def actions(resource: dict[str, Any]) -> set[str]:
    """What the policies in a role or a policy allow."""
    properties = resource.get("Properties", {})
    policies = [
        policy.get("PolicyDocument", {}) for policy in properties.get("Policies", []) if isinstance(policy, dict)
    ]
    if "PolicyDocument" in properties:
        policies.append(properties["PolicyDocument"])
    allowed: set[str] = set()
    for policy in policies:
        for statement in policy.get("Statement", []):
            if "Fn::If" in statement:
                statement = statement["Fn::If"][1]  # noqa: PLW2901  the branch that allows something
            if statement.get("Effect") == "Allow":
                action = statement["Action"]
                allowed |= {action} if isinstance(action, str) else set(action)
    return allowed
