"""The documents speak of what is there: links, tests, parameters, outputs, and what security.md counts on."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dev import operate
from firstcome.operate import arguments, table
from firstcome.settings import Settings

yaml_parse = pytest.importorskip("samcli.yamlhelper").yaml_parse

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "README.ko.md", "CONTRIBUTING.md", "cli/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
INDEX = ROOT / "docs" / "decisions" / "README.md"
DECISIONS = sorted(path for path in INDEX.parent.iterdir() if path != INDEX)
DECISION_PARTS = ["## Context", "## Options", "## Choice", "## How to reverse"]
DECISION_LINES_MAX = 60  # a longer one is a chapter, and belongs to another document
TEMPLATES = tuple(f"template{each}.yaml" for each in ("", ".infrastructure", ".observability", ".edge"))
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
LINES = re.compile(r"L\d+(-L\d+)?")  # test_check_it_yourself.py looks at what stands there
DEPLOY = (ROOT / "docs" / "deploy.md").read_text()


@functools.cache  # each document asks for both
def template(name: str) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse((ROOT / name).read_text())
    return parsed


def anchors(text: str) -> set[str]:
    """Return the anchors of a document's headings, as they are made where it is read."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_document
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
            or (anchor and not LINES.fullmatch(anchor) and anchor not in anchors(path.read_text()))
            or (named and f"def {named[1]}(" not in path.read_text())
        ):
            broken.append((text, target))
    assert not broken


# --- docs/decisions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.name)
def test_a_decision_is_short_and_has_four_parts(decision: Path) -> None:
    """Context, options, choice and how to reverse it, each with some text, in a file whose name has a number."""
    text = decision.read_text()
    title, *parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    assert re.fullmatch(r"\d{4}(-[a-z0-9]+)+\.md", decision.name)
    assert re.fullmatch(r"# .+\n\n", title)
    assert [part.splitlines()[0] for part in parts] == DECISION_PARTS
    assert [part for part in parts if part.partition("\n")[2].strip()] == parts
    assert len(text.splitlines()) <= DECISION_LINES_MAX


def test_the_index_names_each_decision_once() -> None:
    """One line each, with the decision's own title."""
    listed = re.findall(r"^- \[(.+)\]\(([^)]+)\): .+$", INDEX.read_text(), re.MULTILINE)
    titled = [(each.read_text().partition("\n")[0].removeprefix("# "), each.name) for each in DECISIONS]
    assert sorted(listed, key=lambda entry: entry[1]) == titled
    assert len({name[:4] for _, name in listed}) == len(DECISIONS)


# --- deploy.md and the templates -------------------------------------------------------------------------------------


def commands(text: str = DEPLOY) -> str:
    """Return what a document asks to be typed, one command a line."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return "\n".join(line[2:] for line in lines if line.startswith("$ "))


def test_deploy_md_names_parameters_that_exist() -> None:
    """Those that are set on a command line, or anywhere in the text."""
    known = {name for each in TEMPLATES for name in template(each)["Parameters"]}
    said = set(re.findall(r"\b((?:[A-Z][a-z0-9]+){2,}[A-Za-z]*)=", DEPLOY))
    # A word like those in a sentence: some parameter, output or resource of ours.
    spoken = set(re.findall(r"`((?:[A-Z][a-z0-9]+){2,})`", DEPLOY))
    ours = known.union(*map(outputs, TEMPLATES))
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
    assert servers <= template("template.yaml")["Parameters"].keys() | template(TEMPLATES[2])["Parameters"].keys()


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


def test_deploy_md_defines_its_shell_functions_first() -> None:
    """Whatever starts a command, also within another, stands above it or is a program."""
    programs = {
        "aws",
        "sam",
        "git",
        "make",
        "curl",
        "sed",
        "tr",
        "python3",
        "openssl",
        "printf",
        "sha256sum",
        "date",
        "cut",
    }
    known = programs | {"echo", "export", "eval", "for", "do", "done"}
    for line in (each.partition("  #")[0] for each in commands().splitlines()):
        if made := re.match(r"(\w+)\(\) ", line):
            known.add(made[1])
        called = re.findall(r"(?:^|\$\(|[|;&] )([a-z]\w*)(?= )", line)
        assert set(called) <= known, line


def outputs(name: str) -> set[str]:
    return set(template(name).get("Outputs", ()))


# --- what security.md counts on --------------------------------------------------------------------------------------


def test_only_apply_writes_into_the_topic() -> None:
    """Whoever writes there can make a coupon."""
    resources = template("template.yaml")["Resources"]
    writers = {name for name, each in resources.items() if "kafka-cluster:WriteData" in actions(each)}
    anything = {name for name, each in resources.items() if {"kafka-cluster:*", "*"} & actions(each)}
    assert (writers, anything) == ({"ApplyRole"}, set())


def actions(resource: dict[str, Any]) -> set[str]:
    """Return what the policies in a role or a policy allow."""
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


# --- what a reader types ---------------------------------------------------------------------------------------------

AWS_WORDS = {"AllocatedStorage", "MaxAllocatedStorage"}  # what AWS CLI answers
SOURCES = "".join(
    path.read_text()
    for folder in ("layers/common/python/firstcome", "dev", "tests", "functions", "benchmarks")
    for path in (ROOT / folder).rglob("*.*")
    if path.suffix in {".py", ".lua"} and path != Path(__file__)
)


@each_document
def test_a_parameter_that_is_named_exists(document: Path) -> None:
    """One that is set, or is called a parameter; and every word like those is one of the templates'."""
    text = document.read_text()
    parameters = {name for each in TEMPLATES for name in template(each)["Parameters"]}
    set_ = set(re.findall(r"\b((?:[A-Z][a-z0-9]+){2,}[A-Za-z]*)=", text))
    called = set(re.findall(r"[Pp]arameters? `(\w+)", text))
    assert set_ | called <= parameters | outputs("template.infrastructure.yaml")
    if "decisions" not in document.as_posix():  # those speak of what was not taken, too
        known = set(re.findall(r"\w+", "".join((ROOT / each).read_text() for each in TEMPLATES)))
        assert set(re.findall(r"`((?:[A-Z][a-z0-9]+){2,})[`=]", text)) <= known | AWS_WORDS


@each_document
def test_a_setting_that_is_named_exists(document: Path) -> None:
    """As a field, or as the variable that sets it."""
    text = document.read_text()
    fields = {field.name for field in dataclasses.fields(Settings)}
    # The command line's are made of its commands' names: tests/cli/test_reference.py holds cli.md.
    named = () if document.name == "cli.md" else re.findall(r"\bFIRSTCOME_[A-Z_]+\b", text)
    variables = {name for name in named if name not in SOURCES}
    assert {name.removeprefix("FIRSTCOME_").lower() for name in variables} <= fields
    assert {name for name in re.findall(r"`(\w+_(?:ms|days))[`=]", text) if name not in SOURCES} <= fields


@each_document
def test_a_payload_reaches_lambda_as_it_is_typed(document: Path) -> None:
    """Without the option, AWS CLI 2 takes it for base64."""
    text = document.read_text().replace("\\\n", " ")
    invocations = re.findall(r"aws lambda invoke [^`\n]*", text)
    assert not [each for each in invocations if "--cli-binary-format raw-in-base64-out" not in each]


@each_document
def test_sam_is_found_where_it_is_typed(document: Path) -> None:
    """`make setup` puts it into .venv/bin, which is on nobody's PATH."""
    typed = commands(document.read_text())
    before, sam, _ = re.split(r"(^sam )", typed, maxsplit=1, flags=re.MULTILINE) if "\nsam " in typed else ("", "", "")
    assert not sam or 'export PATH="$PWD/.venv/bin:$PATH"' in before


@each_document
def test_what_is_typed_is_read_by_bash(document: Path) -> None:
    """Quotes and brackets are closed. A command goes on in lines that are indented; one with a gap is not read."""
    blocks = re.findall(r"```console\n(.*?)```", document.read_text(), re.DOTALL)
    typed = re.findall(r"^\$ (.*\n(?:    .*\n)*)", "\n".join(blocks), re.MULTILINE)
    whole = "".join(each for each in typed if "<" not in each)
    read = subprocess.run(["bash", "-n"], input=whole, capture_output=True, text=True, check=False)
    assert not read.returncode, read.stderr


@each_document
def test_a_release_that_is_named_was_made(document: Path) -> None:
    """The change log has every one."""
    made = set(re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE))
    assert set(re.findall(r"git checkout v(\S+)", document.read_text())) <= made


@each_document
def test_an_operators_command_can_be_typed_as_it_stands(document: Path) -> None:
    """Its fields are those of the action; what is left open as `…` is filled in from the help."""
    text = document.read_text()
    typed = re.findall(r"^(?:\.venv/bin/python -m dev )?operate (?!help)([a-z_]+.*)$", commands(text), re.MULTILINE)
    spoken = re.findall(r"`operate (\w+ [^`]*=[^`]*)`", text)
    for line in [*typed, *spoken]:
        action, *words = shlex.split(line, comments=True)
        known = {field.name: field.example for field in table.ACTIONS[action].fields}
        filled = [word.replace("…", str(known[word.partition("=")[0]])) for word in words]
        operate.read(action, filled)
    for payload in re.findall(r"'(\{\"action\".*?\})'", text) + [
        each.replace("\\", "") for each in re.findall(r"\{\\+\"action\\.*?\}", text)
    ]:
        arguments.read(json.loads(payload))


def test_the_readme_says_what_an_idle_stack_costs() -> None:
    """The same as deploy.md, which has the parts."""
    hour = re.search(r"\| \*\*idle\*\* .*\*\*([\d.]+)\*\* \(about ([\d,]+) a month\)", DEPLOY)
    assert hour
    assert f"about {hour[1]} $ an hour while nobody asks ({hour[2]} $ a month)" in (ROOT / "README.md").read_text()
