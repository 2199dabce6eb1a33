"""The pages of the local issuer: who are you? Without scripts, and without anything from elsewhere."""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME, GROUPS = "name", "groups"  # the form's own fields; the others are the request's, handed back as they came
_OURS = (NAME, GROUPS)
_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 28rem; margin: 4rem auto; padding: 0 1rem }}
  label {{ display: block; margin-top: 1rem; font-weight: 600 }}
  input {{ font: inherit; width: 100%; padding: .5rem; box-sizing: border-box }}
  button {{ font: inherit; margin-top: 1.5rem; padding: .5rem 1.5rem }}
</style>
<main>
<h1>{title}</h1>
{content}
</main>
</html>
"""
_FORM = """\
<p>The local cloud believes whatever you say here.</p>
{problem}<form method="post" action="{action}">
{hidden}
<label for="name">Name</label>
<input id="name" name="name" required autofocus autocomplete="username" maxlength="128">
<label for="groups">Groups</label>
<input id="groups" name="groups" aria-describedby="groups-hint" autocomplete="off">
<p id="groups-hint">For operators, with spaces between: <code>viewer</code>, <code>operator</code>, <code>admin</code>.
Applicants have none.</p>
<button>Sign in</button>
</form>
"""


class Answer(NamedTuple):
    """One HTTP response."""

    status: int
    headers: dict[str, str]
    body: str = ""


def form(action: str, fields: Mapping[str, str], problem: str = "") -> Answer:
    """Return the page that asks for a name and groups, and sends `fields` along."""
    hidden = "\n".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
        if name not in _OURS
    )
    told = f'<p role="alert">{escape(problem)}</p>\n' if problem else ""
    return page(HTTPStatus.OK, "Sign in", _FORM.format(action=action, hidden=hidden, problem=told))


def said(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def page(status: int, title: str, content: str) -> Answer:
    """Return a page; `content` is HTML."""
    return Answer(status, dict(_HEADERS), _PAGE.format(title=escape(title), content=content))
