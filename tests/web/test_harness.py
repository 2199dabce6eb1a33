"""The harness of the browser tests complains of what it should, and the static front sends what the pages rest on."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from dev.pages import Pages, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.web.conftest import Visit, Watch

CONFIG = {"api": "http://127.0.0.1:1/prefix", "issuer": "http://127.0.0.1:2", "client_id": "page"}
ICON = '<link rel="icon" href="data:,">'  # without one a browser asks for a file that is not there
HELLO = '<!doctype html><html lang="en"><title>Hello</title>' + ICON + "<main><h1>Hello</h1>{more}</main></html>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A page that says hello."""
    (tmp_path / "index.html").write_text(HELLO.format(more=""))
    return tmp_path


def test_a_page_of_its_own_files_is_no_complaint(folder: Path, visit: Visit, axe: Callable[[Page], None]) -> None:
    """A page that loads only what is its own passes."""
    with serving(folder, CONFIG) as url:
        page = visit(url)
        axe(page)
        assert page.evaluate("fetch('/config.json').then(answer => answer.json())") == CONFIG


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ("<style>h1 { color: red }</style>", "securitypolicyviolation: style-src-elem stopped inline"),
        ("<script>document.title = 'Ha'</script>", "securitypolicyviolation: script-src-elem stopped inline"),
        ("<img alt='' src='http://127.0.0.1:1/x.png'>", "securitypolicyviolation: img-src stopped"),
        ("<script src='missing.js'></script>", "console: Failed to load resource"),
        ("<script src='throws.js'></script>", "exception: no"),
    ],
)
def test_the_harness_hears_what_goes_wrong(
    more: str, complaint: str, folder: Path, visit: Visit, watches: list[Watch]
) -> None:
    """Errors, warnings and refused policies of a page fail its test."""
    (folder / "index.html").write_text(HELLO.format(more=more))
    (folder / "throws.js").write_text("throw new Error('no')")
    with serving(folder, CONFIG) as url:
        visit(url).wait_for_load_state("networkidle")
    (watch,) = watches
    heard, watch.complaints = watch.complaints, []
    assert any(complaint in each for each in heard), heard


def test_the_harness_hears_requests_to_another_host(folder: Path, visit: Visit, watches: list[Watch]) -> None:
    """A page that leaves its own origin fails its test."""
    with serving(folder, CONFIG) as url, serving(folder, CONFIG) as other:
        visit(url).goto(other)
    (watch,) = watches
    heard, watch.complaints = watch.complaints, []
    assert heard == [f"request to another host: {other}/"]


def test_axe_hears_what_a_screen_reader_misses(folder: Path, visit: Visit, axe: Callable[[Page], None]) -> None:
    """A button without a name fails its test."""
    (folder / "index.html").write_text(HELLO.format(more="<button></button>"))
    with serving(folder, CONFIG) as url, pytest.raises(AssertionError, match="button-name"):
        axe(visit(url))


def test_every_answer_of_the_front_has_its_headers(folder: Path) -> None:
    """Errors too: the policy allows nothing but the page's own files and its APIs."""
    pages = Pages(folder, CONFIG)
    for target in ("/", "/config.json", "/missing.js", "/../conftest.py", "/%2e%2e/conftest.py", "/%00.js"):
        said = pages.answer("GET", target).headers
        connect = "connect-src 'self' http://127.0.0.1:1 http://127.0.0.1:2"
        assert connect in said["content-security-policy"].split("; "), target
        assert said["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert (said["referrer-policy"], said["x-content-type-options"]) == ("no-referrer", "nosniff")


def test_the_front_serves_pages_and_nothing_else(folder: Path) -> None:
    """No path leads out of the folder, and no other file of it is served."""
    (folder.parent / "outside.js").write_text("outside")
    (folder / "LICENSE").write_text("no page")
    pages = Pages(folder, CONFIG)
    for target in ("/../outside.js", "/%2e%2e/outside.js", "/LICENSE", "/missing.js", "/\0.js", "//etc/passwd"):
        assert pages.answer("GET", target).status == HTTPStatus.NOT_FOUND, target
    assert pages.answer("POST", "/").status == HTTPStatus.METHOD_NOT_ALLOWED


def test_a_page_that_is_known_is_not_sent_again(folder: Path) -> None:
    """304 for the very time that was given, and the page for any other."""
    pages = Pages(folder, CONFIG)
    known = pages.answer("GET", "/").headers["last-modified"]
    assert pages.answer("GET", "/", known).status == HTTPStatus.NOT_MODIFIED
    for other in ("Thu, 01 Jan 1970 00:00:00 GMT", "yesterday"):
        assert pages.answer("GET", "/", other).status == HTTPStatus.OK
