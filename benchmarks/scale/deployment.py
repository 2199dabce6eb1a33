"""What is deployed: the parameters of both templates, by their names, and the quotas of the account."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from samcli.yamlhelper import yaml_parse

from benchmarks.scale import limits
from dev.cloud import ROOT

TEMPLATES = (ROOT / "template.yaml", ROOT / "template.infrastructure.yaml")
OPERATING = 2  # environments of operate, which has no reservation: one, or two


@cache
def template(key: str) -> dict[str, Any]:
    """Return what stands under one key of the templates, of both together."""
    return {name: what for each in TEMPLATES for name, what in yaml_parse(each.read_text()).get(key, {}).items()}


_PARAMETERS = template("Parameters")
_RESOURCES = template("Resources")
OF_SERVERS = yaml_parse(TEMPLATES[1].read_text())["Parameters"].keys()  # parameters of template.infrastructure.yaml
_STREAM = _RESOURCES["ConsumeFunction"]["Properties"]["Events"]["Stream"]["Properties"]
MEMORY_MB = int(template("Globals")["Function"]["MemorySize"])  # of a function
BATCH = int(_STREAM["BatchSize"])  # records that an invocation of consume carries
WINDOW_S = float(_STREAM["MaximumBatchingWindowInSeconds"])  # how long a batch waits to fill
REPLICAS = int(_RESOURCES["Topic"]["Properties"]["ReplicationFactor"])  # of each record


@dataclass(frozen=True, slots=True)
class Deployment:
    """One stack of each template, in one account with its quotas."""

    parameters: dict[str, Any] = field(default_factory=dict)  # those that differ from their default
    api_quota: int = limits.API_REQUESTS_PER_S
    lambda_quota: int = limits.CONCURRENCY

    def __post_init__(self) -> None:
        """Raise `LookupError` for a parameter that no template has."""
        if unknown := self.parameters.keys() - _PARAMETERS.keys():
            raise LookupError(f"no template has the parameter {', '.join(sorted(unknown))}")

    def __getitem__(self, name: str) -> Any:
        """Return the value of a parameter; raise `LookupError` where it has none, and no default."""
        value = self.parameters.get(name, _PARAMETERS[name].get("Default"))
        if value is None:
            raise LookupError(f"{name} has no default")
        return int(value) if _PARAMETERS[name]["Type"] == "Number" else value

    def with_parameters(self, **parameters: Any) -> Deployment:
        """Return the same with other parameters."""
        return replace(self, parameters=self.parameters | parameters)

    @property
    def provisioned(self) -> int:
        """Environments of apply that are there before anybody asks."""
        return self["ProvisionedEnvironments"] if self["ColdStart"] == "provisioned" else 0

    @property
    def reserved_beside(self) -> int:
        """What the other functions take of the account's concurrency, and what must be left unreserved."""
        shares = [
            what["Properties"].get("ReservedConcurrentExecutions", 0)
            for name, what in _RESOURCES.items()
            if what["Type"] == "AWS::Serverless::Function" and name != "ApplyFunction"
        ]
        return limits.UNRESERVED + sum(int(self[each["Ref"]] if isinstance(each, dict) else each) for each in shares)

    @property
    def connected_beside(self) -> int:
        """Environments beside apply and consume, each with a connection to MySQL: retry, operate and the operators'."""
        return self.reserved_beside - limits.UNRESERVED + OPERATING

    @property
    def environments(self) -> int:
        """Environments of apply that there may be."""
        return int(min(self["ApplyConcurrency"], self.lambda_quota - self.reserved_beside))

    @property
    def pollers(self) -> int:
        """Event pollers that are there when the first record comes."""
        return int(self["ProvisionedPollers"]) or limits.POLLERS_ON_DEMAND

    def vcpus(self, parameter: str) -> int:
        """Return the virtual CPUs of the instance type that a parameter names."""
        return limits.VCPUS[size(self[parameter])]


def outside(parameters: dict[str, Any]) -> list[str]:
    """Return what is wrong with values of parameters, as the templates declare them."""
    wrong = []
    for name, value in parameters.items():
        what = _PARAMETERS[name]
        low, high = what.get("MinValue", 0), what.get("MaxValue", "any")
        if what["Type"] == "Number":
            if not re.fullmatch("[0-9]+", str(value)):
                wrong.append(f"{name}={value}: a whole number is expected")
            elif int(value) < low or (high != "any" and int(value) > high):
                wrong.append(f"{name}={value}: the template takes {low} to {high}")
        if "AllowedValues" in what and str(value) not in map(str, what["AllowedValues"]):
            wrong.append(f"{name}={value}: the template takes {', '.join(map(str, what['AllowedValues']))}")
        if "AllowedPattern" in what and not re.search(what["AllowedPattern"], str(value)):
            wrong.append(f"{name}={value}: the template takes {what['ConstraintDescription']}")
    # CloudFormation does not look.
    if not wrong and (deployment := Deployment(parameters)).provisioned >= deployment["ApplyConcurrency"]:
        at_most = deployment["ApplyConcurrency"]
        wrong.append(f"ProvisionedEnvironments={deployment.provisioned} is not below ApplyConcurrency={at_most}")
    return wrong


def size(instance_type: str) -> str:
    """Return the size of an instance type, as `large`; raise `LookupError` for one that is not in the tables."""
    found = instance_type.rpartition(".")[2]
    if found not in limits.VCPUS:
        raise LookupError(f"{instance_type}: expected one of {', '.join(limits.VCPUS)}")
    return found
