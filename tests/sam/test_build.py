"""What `sam build` makes, on any host: the layer is pure Python and whole, the functions hold their handler only."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.sam.command import FUNCTIONS, ROOT, code, contents, sam, size

PACKAGE = ROOT / "layers" / "common" / "python" / "firstcome"
# Lambda takes 250 MB; a cold start reads what it imports. Today 9 MB of source, half of it Powertools, and as much of
# byte code: room to grow, not to triple unnoticed.
LAYER_MAX_BYTES = 30_000_000
FUNCTION_MAX_BYTES = 10_000  # a handler is a translation
PYC = ".cpython-313.pyc"
UNCHECKED = (0b01).to_bytes(4, "little")  # PEP 552: a hash of the source, which nobody compares

# Runs a function's module as Lambda would find it: the standard library, the layer, the function, nothing else. boto3
# is in Lambda's runtime and must not be needed to start.
START = "import sys; sys.path[:0] = sys.argv[1:]; sys.dont_write_bytecode = True; import handler; handler.handler"


@pytest.fixture(params=["arm64", "x86_64"])
def built(request: pytest.FixtureRequest) -> Path:
    """The build folder of each architecture."""
    folder: Path = request.getfixturevalue(request.param)
    return folder


def test_the_template_is_valid() -> None:
    """Neither SAM nor cfn-lint has anything to say."""
    assert "is a valid SAM Template" in sam("validate", "--lint", cwd=ROOT)


def test_a_function_holds_its_handlers_only(built: Path) -> None:
    """Everything else is in the layer, once. A folder may have two: of operate and its API, of apply and the view."""
    for name in FUNCTIONS:
        assert set(contents(code(built, name))) - {"web.py", "event.py"} == {"handler.py"}
        assert size(code(built, name)) < FUNCTION_MAX_BYTES


def test_the_layer_holds_the_whole_package(built: Path) -> None:
    """Every module, script, query and migration is where Lambda looks: python/firstcome."""
    ours = {name: digest for name, digest in contents(PACKAGE).items() if "__pycache__" not in name}
    assert {Path(name).suffix for name in ours} >= {".py", ".lua", ".sql"}
    assert any(name.startswith("ledger/migrations/") for name in ours)
    layer = contents(built / "CommonLayer" / "python" / "firstcome")
    assert {name: digest for name, digest in layer.items() if "__pycache__" not in name} == ours


def test_the_layer_is_pure_python(built: Path) -> None:
    """Nothing compiled for a processor, and nothing to run from a shell."""
    names = contents(built / "CommonLayer")
    assert not [name for name in names if Path(name).suffix in {".so", ".pyd", ".dylib"}]
    assert {path.name for path in (built / "CommonLayer").iterdir()} == {"python"}
    assert not (built / "CommonLayer" / "python" / "bin").exists()
    for wheel in (built / "CommonLayer").rglob("WHEEL"):
        tags = [line for line in wheel.read_text().splitlines() if line.startswith("Tag:")]
        assert tags
        assert all(tag.endswith("-none-any") for tag in tags), wheel


def test_the_bill_of_materials_names_what_the_layer_holds(built: Path) -> None:
    """Whatever was installed stands in docs/sbom.json, in its version; boto3 and Python are Lambda's."""
    components = json.loads((ROOT / "docs" / "sbom.json").read_text())["components"]
    named = {f"{each['name'].replace('-', '_').lower()}-{each['version']}" for each in components}
    installed = {path.stem.lower() for path in (built / "CommonLayer" / "python").glob("*.dist-info")}
    assert len(installed) > 5
    assert installed <= named


def test_byte_code_is_lambdas_and_whole_or_absent(built: Path) -> None:
    """Each module's is that of Python 3.13 and is used without a look at the source; the build says which it is."""
    layer = built / "CommonLayer" / "python"
    said = (built.parents[1] / "said.txt").read_text()
    compiled = {str(path.relative_to(layer)) for path in layer.rglob("*.pyc")}
    if not compiled:
        assert "CommonLayer: source only" in said
        return
    assert "CommonLayer: byte-compiled" in said
    sources = [path.relative_to(layer) for path in layer.rglob("*.py")]
    assert compiled == {str(path.parent / "__pycache__" / (path.stem + PYC)) for path in sources}
    for name in compiled:
        assert (layer / name).read_bytes()[4:8] == UNCHECKED, name
        assert str(built).encode() not in (layer / name).read_bytes(), "a traceback names /opt, not the build's folder"


def test_a_layer_is_the_same_for_both_architectures(arm64: Path, x86_64: Path) -> None:
    """Two builds in two folders, byte for byte: what is deployed depends on the source alone."""
    assert contents(arm64 / "CommonLayer") == contents(x86_64 / "CommonLayer")


def test_the_layer_stays_small(built: Path) -> None:
    """What Lambda unpacks at a cold start stays below its limit."""
    taken = size(built / "CommonLayer")
    assert taken < LAYER_MAX_BYTES, f"{taken / 1e6:.1f} MB"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_starts_with_the_layer_alone(built: Path, name: str) -> None:
    """Nothing that it imports is missing, and nothing of it waits for a server."""
    paths = [str(code(built, name)), str(built / "CommonLayer" / "python")]
    environment = {"POWERTOOLS_SERVICE_NAME": "firstcome", "POWERTOOLS_METRICS_NAMESPACE": "firstcome"}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", START, *paths],
        env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
