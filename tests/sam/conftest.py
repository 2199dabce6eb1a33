"""What `sam build` makes for each architecture, built once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sam.command import FUNCTIONS, build, code, size

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def arm64(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build folder for arm64, whatever this machine is."""
    return build(tmp_path_factory.mktemp("arm64"), "arm64")


@pytest.fixture(scope="session")
def x86_64(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build folder for x86_64; the sizes are reported once."""
    built = build(tmp_path_factory.mktemp("x86_64"), "x86_64")
    layer = built / "CommonLayer"
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\nlayer: {size(layer) / 1e6:.1f} MB, of it byte code: {size(layer, '*.pyc') / 1e6:.1f} MB")
        print("functions, in bytes:", ", ".join(f"{name} {size(code(built, name)):,}" for name in FUNCTIONS))
    return built
