"""The templates, for the tests of their rules: as written, and as CloudFormation would have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

# SAM CLI's own parser and translator, where SAM CLI is installed.
yaml_parse = pytest.importorskip("samcli.yamlhelper").yaml_parse
translated = pytest.importorskip("dev.translated")
Decided = pytest.importorskip("cfnlint.template").Template

Resource = dict[str, Any]

ROOT = Path(__file__).parents[1]
FUNCTIONS = [
    *("ApplyFunction", "EventFunction", "ConsumeFunction", "RetryFunction", "OperateFunction", "OperatorApiFunction")
]
# What a stack with an operator's API is given; without an issuer it has none.
OPERATORS = {"OperatorIssuer": "https://issuer.example.com/", "OperatorAudience": "console"}
NO_VALUE = {"Ref": "AWS::NoValue"}


@dataclass(frozen=True)
class Template:
    """One template, as written."""

    path: Path
    text: str = field(init=False)
    content: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", self.path.read_text())
        object.__setattr__(self, "content", yaml_parse(self.text))

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        return self.content["Parameters"]  # type: ignore[no-any-return]

    @property
    def resources(self) -> dict[str, Resource]:
        return self.content["Resources"]  # type: ignore[no-any-return]

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        return self.content["Outputs"]  # type: ignore[no-any-return]

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Return the properties of the resources of one type, by their logical ids."""
        return {name: each.get("Properties", {}) for name, each in self.resources.items() if each["Type"] == kind}

    def owners(self) -> list[Resource]:
        """Return everything that holds a policy."""
        kinds = ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::EC2::VPCEndpoint")
        return [each for kind in kinds for each in self.of_type(kind).values()]

    def statements(self) -> list[Resource]:
        """Return every statement of every policy."""
        return [statement for owner in self.owners() for statement in statements(owner)]


application = Template(ROOT / "template.yaml")
infrastructure = Template(ROOT / "template.infrastructure.yaml")
observability = Template(ROOT / "template.observability.yaml")
functions = application.of_type("AWS::Serverless::Function")


def statements(owner: Resource) -> list[Resource]:
    """Return the statements of a role, a policy or an endpoint; of a conditional one, the one that it may be."""
    documents = [each["PolicyDocument"] for each in owner.get("Policies", [owner])]
    found = [each for document in documents for each in document["Statement"]]
    return [each["Fn::If"][1] if "Fn::If" in each else each for each in found]


@cache
def translate(**parameters: str) -> dict[str, Any]:
    """Return what SAM makes of template.yaml with these parameters; do not change it."""
    return translated.translate(application.content, **parameters)  # type: ignore[no-any-return]


def deployed(**parameters: str) -> dict[str, Resource]:
    """Return the resources that exist with these parameters, their conditions decided by cfn-lint."""
    return decide(translate(**parameters), **parameters)


def decide(whole: dict[str, Any], **parameters: str) -> dict[str, Resource]:
    """Return the resources of a template that exist with these parameters, and of each what its conditions leave."""
    values = {name: str(each.get("Default", "given")) for name, each in whole["Parameters"].items()} | parameters
    conditions = Decided("", whole, [translated.REGION]).conditions
    truth = {name: conditions.satisfiable({name: True}, values) for name in whole["Conditions"]}
    existing = {name: each for name, each in whole["Resources"].items() if truth.get(each.get("Condition"), True)}
    return {name: _chosen(each, truth) for name, each in existing.items()}


def _chosen(value: Any, truth: dict[str, bool]) -> Any:
    """Replace every Fn::If by its branch, and take away what has no value."""
    if isinstance(value, list):
        return [chosen for chosen in (_chosen(each, truth) for each in value) if chosen != NO_VALUE]
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        condition, then, otherwise = value["Fn::If"]
        return _chosen(then if truth[condition] else otherwise, truth)
    pairs = ((key, _chosen(each, truth)) for key, each in value.items())
    return {key: chosen for key, chosen in pairs if chosen != NO_VALUE}


def only(resources: dict[str, Resource], kind: str) -> Resource:
    """Return the properties of the one resource of a type."""
    [found] = [each["Properties"] for each in resources.values() if each["Type"] == kind]
    return found  # type: ignore[no-any-return]
