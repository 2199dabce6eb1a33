"""The console's files: what a host serves as it is."""

from __future__ import annotations

from dev.pages import WEB


def test_page_and_console_sign_in_with_the_same_module() -> None:
    """Each folder is an origin of its own and is served alone, so each has the module: the same, to the byte."""
    assert (WEB / "console" / "signin.js").read_bytes() == (WEB / "event" / "signin.js").read_bytes()


def test_the_console_fetches_in_one_module() -> None:
    """It speaks the operator's API alone: `api.js`, beside its own configuration and the issuer."""
    asking = {file.name for file in (WEB / "console").rglob("*.js") if "fetch(" in file.read_text()}
    assert asking == {"api.js", "main.js", "signin.js"}


def test_the_console_has_no_inline_style_or_script() -> None:
    """Its policy forbids them: `script-src 'self'; style-src 'self'`."""
    for file in (WEB / "console").rglob("*"):
        if file.suffix in (".js", ".html") and file.parent.name != "vendor":
            assert " style=" not in file.read_text(), file.name
            assert "innerHTML" not in file.read_text(), file.name
    assert "<script>" not in (WEB / "console" / "index.html").read_text()
