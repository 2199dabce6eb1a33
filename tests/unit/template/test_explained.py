"""What the templates are asked to hold and no other test reads: explanations of lint, the checklist, who fits."""

from __future__ import annotations

import re

import pytest

from firstcome.rules import USER_ID_PATTERN
from tests import dashboard
from tests.templates import ROOT, Template, application, infrastructure, observability

edge = Template(ROOT / "template.edge.yaml")
ALL = pytest.mark.parametrize(
    "template", [application, infrastructure, observability, edge], ids=lambda each: each.path.name
)
DEPLOY = (ROOT / "docs" / "deploy.md").read_text()
UNRESERVED = 100  # executions of an account that Lambda lets no function reserve
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


@ALL
def test_every_finding_of_lint_is_explained(template: Template) -> None:
    """A check of cfn-lint that is ignored is named by the comment above it; one of checkov has a comment of its own."""
    lines = template.text.splitlines()
    for number, line in enumerate(lines):
        for check in re.findall(r"ignore_checks: \[(\w+)\]", line):
            assert any(f"# {check}: " in above for above in lines[number - 3 : number]), check
    for name, each in template.resources.items():
        for skipped in each.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert skipped["comment"], (name, skipped["id"])


def test_a_check_that_is_skipped_everywhere_has_its_reason() -> None:
    """Above it, for the list or for the one."""
    listed = (ROOT / ".checkov.yaml").read_text().partition("skip-check:\n")[2].splitlines()
    assert listed[0].strip().startswith("#")
    before = ["", *listed]
    alone = [line for above, line in zip(before, listed, strict=False) if line.startswith("  - ") and above == ""]
    assert not alone


def test_the_checklist_asks_for_maintenance_that_is_due() -> None:
    """Of all three servers, before an opening."""
    checklist = OPERATIONS.partition("## Before an opening")[2].partition("\n## ")[0]
    for asked in (
        "aws rds describe-pending-maintenance-actions",
        "aws elasticache describe-update-actions",
        "aws kafka list-cluster-operations-v2",
    ):
        assert asked in checklist


@pytest.mark.parametrize(
    "metric",
    [
        ("AWS/ElastiCache", "EngineCPUUtilization"),
        ("AWS/ElastiCache", "CurrConnections"),
        ("AWS/Kafka", "CpuIdle"),
        ("AWS/Kafka", "IAMTooManyConnections"),
        ("AWS/RDS", "CPUUtilization"),
        ("AWS/RDS", "DatabaseConnections"),
        ("firstcome", "reserved"),
        ("firstcome-api", "too_many_requests"),
        ("AWS/Lambda", "Duration"),
        ("AWS/Lambda", "ProvisionedConcurrencySpilloverInvocations"),
    ],
)
def test_what_an_opening_can_exhaust_has_an_alarm(metric: tuple[str, str]) -> None:
    """A server, the share of the reserved, those turned away, and the time of an answer."""
    assert metric in {(namespace, name) for namespace, name, _ in dashboard.of_alarms()}


def test_deploy_md_says_which_subjects_fit() -> None:
    """The characters that it refuses are those that an application refuses, and its examples fit."""
    said = re.search(
        r"`sub` names one person for ever, in 1 to 255 printable ASCII\n +characters without (.+?)\.", DEPLOY
    )
    assert said
    refused = {" ", "'", '"', "\\", *re.findall(r"`([^`]+)`", said[1])[0].replace(" ", "")}
    printable = {chr(code) for code in range(0x20, 0x7F)}
    assert {each for each in printable if not re.fullmatch(USER_ID_PATTERN, f"a{each}")} == refused
    for fits in ("auth0|5f7c8ec7c33c6c004bbafe82", "google-oauth2|103547991597142817347", "alice@example.com"):
        assert re.fullmatch(USER_ID_PATTERN, fits)


def test_deploy_md_says_what_the_functions_reserve() -> None:
    """Of the quota of concurrent executions, together with what Lambda keeps for all others."""
    reserved = {
        name: each["Properties"]["ReservedConcurrentExecutions"]
        for name, each in application.resources.items()
        if "ReservedConcurrentExecutions" in each.get("Properties", {})
    }
    assert reserved.pop("ApplyFunction") == {"Ref": "ApplyConcurrency"}
    apply = application.parameters["ApplyConcurrency"]["Default"]
    row = next(line for line in DEPLOY.splitlines() if line.startswith("| Lambda, concurrent executions"))
    assert set(map(int, re.findall(r"(?<=[ (])\d+(?=[) ])", row))) >= {apply, *reserved.values(), UNRESERVED}
    assert f"That is {apply + sum(reserved.values()) + UNRESERVED}:" in row


@ALL
def test_a_template_is_deployed_without_a_bucket(template: Template) -> None:
    """CloudFormation takes 51,200 bytes from a command; only what `sam deploy` packs may be longer."""
    assert len(template.text.encode()) <= 51_200 or template is application


def test_nothing_is_deployed_gradually() -> None:
    """Nobody deploys during an opening: a second version of apply beside the first is one more thing to understand."""
    assert not [each for each in application.resources.values() if "DeploymentPreference" in each.get("Properties", {})]
    assert "CodeDeploy" not in application.text
