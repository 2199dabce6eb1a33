"""What CloudFormation is given: template.yaml as SAM translates it. `python -m dev.translated` lets cfn-lint read that.

`sam validate --lint` reads what is written here, and misses what SAM makes of it: a circle of dependencies, a property
that is required of a resource that only SAM writes.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from copy import deepcopy
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cfnlint.api import lint
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
REGION = "us-east-1"  # SAM asks for one; the one in which cfn-lint knows most types
CODE = "s3://bucket/code"  # what `sam package` makes of a folder


class _NoManagedPolicies:
    """The roles are our own: nothing has to be looked up in an account."""

    def load(self) -> dict[str, str]:
        return {}


def translate(source: dict[str, Any], *, layer: str = "s3://bucket/layer", **parameters: str) -> dict[str, Any]:
    """Return the whole template that SAM makes of `source` with these parameters, others at their defaults."""
    source = deepcopy(source)
    for resource in source["Resources"].values():
        for uri in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            resource["Properties"][uri] = layer if uri == "ContentUri" else CODE
    defaults = {name: each["Default"] for name, each in source["Parameters"].items() if "Default" in each}
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of features that only its authors can turn on
    with patch.dict(os.environ, AWS_DEFAULT_REGION=REGION), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies
        translated: dict[str, Any] = transform(source, defaults | parameters, _NoManagedPolicies())
    return translated


def main() -> int:
    """Print what cfn-lint finds; return the exit code."""
    source = yaml_parse(TEMPLATE.read_text())
    found = list(lint(json.dumps(translate(source), indent=1), regions=[REGION]))
    for match in found:
        print(f"translated: {match}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
