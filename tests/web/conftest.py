"""A real browser: Debian's Chromium through Playwright. FIRSTCOME_TEST_CHROMIUM names another one.

`visit(url)` opens a page in a context of its own. When the test ends it fails for whatever the browser has complained
of: a violation of the page's policy, an error on the console, an exception, a request to another host.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from playwright.sync_api import expect, sync_playwright

from dev.doors import APPLICANT_URL, ISSUER_URL, PAGE_URL
from dev.install import programs
from dev.pages import origin
from tests.patience import PATIENCE_MS
from tests.web.applicant import sign_in
from tests.web.console import Desk, sit_down

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

    from dev.cloud import Cloud
    from dev.servers import Servers
    from tests.clouds import Clouds
    from tests.e2e.campaign import Campaign

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
# What axe calls WCAG 2.2 at its levels A and AA, and what it calls good practice.
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
KEPT_REQUESTS = 10_000

_TELL_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', event =>
  console.error(`securitypolicyviolation: ${event.violatedDirective} stopped ${event.blockedURI || 'inline'}`));
"""
# Chromium's own line for an answer of 400 or more, or for none: no complaint of an API. A file of the page's own
# that is missing is one.
_NO_SUCCESS = "Failed to load resource: "


@dataclass
class Watch:
    """What the browser has complained of in one context, and whom it has asked."""

    own: str  # the page's origin
    allowed: set[str]
    complaints: list[str] = field(default_factory=list)
    requests: deque[Request] = field(default_factory=lambda: deque(maxlen=KEPT_REQUESTS))

    def on(self, context: BrowserContext) -> None:
        """Hear all that happens in `context`."""
        context.add_init_script(_TELL_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"exception: {error.error}"))
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        of_an_api = origin(message.location["url"]) in self.allowed - {self.own}
        if message.type == "error" and not (message.text.startswith(_NO_SUCCESS) and of_an_api):
            self.complaints.append(f"console: {message.text} ({message.location['url']})")

    def _request(self, request: Request) -> None:
        self.requests.append(request)
        if not request.url.startswith(("data:", "blob:")) and origin(request.url) not in self.allowed:
            self.complaints.append(f"request to another host: {request.url}")


class Visit(Protocol):
    """`visit(url, allowed=[api, issuer], locale="ko-KR", …)`: the page, in a context of its own."""

    def __call__(
        self,
        url: str,
        *,
        allowed: list[str] | None = None,
        prepare: Callable[[Page], None] | None = None,
        **context: Any,
    ) -> Page: ...


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the session; contexts keep the tests apart."""
    chromium = os.environ.get("FIRSTCOME_TEST_CHROMIUM") or programs(["chromium"])["chromium"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _patience() -> None:
    """Let `expect` wait as long as everything else that waits for a real server."""
    expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def watches() -> list[Watch]:
    """The watches of this test's contexts, in the order in which they were opened."""
    return []


@pytest.fixture
def visit(browser: Browser, watches: list[Watch]) -> Iterator[Visit]:
    """Open pages; see the head of this file.

    `allowed` names the other origins that the page may ask; `prepare` is called with the page before it is opened. What
    else is named is an option of Playwright's `new_context`: locale, timezone_id, color_scheme, viewport, ….
    """
    contexts: list[BrowserContext] = []

    def visit(
        url: str,
        *,
        allowed: list[str] | None = None,
        prepare: Callable[[Page], None] | None = None,
        **options: Any,
    ) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        own = origin(url)
        watch = Watch(own, {own, *map(origin, allowed or [])})
        watch.on(context)
        watches.append(watch)
        page = context.new_page()
        if prepare is not None:
            prepare(page)
        page.goto(url)
        return page

    yield visit
    for context in contexts:
        context.close()
    complaints = [complaint for watch in watches for complaint in watch.complaints]
    assert not complaints, "the browser has nothing to complain of:\n" + "\n".join(complaints)


@pytest.fixture(scope="session")
def cloud(servers: Servers, clouds: Clouds) -> Iterator[Cloud]:
    """The local cloud with its issuer and its pages: `cloud.doors.urls` has their addresses."""
    with clouds.over(servers, clock=False, identity=True) as cloud:
        yield cloud


@pytest.fixture
def come(cloud: Cloud, campaign: Campaign, visit: Visit) -> Callable[..., Page]:
    """`come("alice")` opens the event's page and signs alice in; without a name nobody signs in."""

    def come(name: str = "", query: str = "", **options: Any) -> Page:
        urls = cloud.doors.urls
        at = f"{urls[PAGE_URL]}/?event={campaign.event_id}{query}"
        page = visit(at, allowed=[urls[APPLICANT_URL], urls[ISSUER_URL]], **{"locale": "en-GB", **options})
        if name:
            sign_in(page, name)
        return page

    return come


@pytest.fixture
def desk(cloud: Cloud, campaign: Campaign, visit: Visit) -> Callable[..., Desk]:
    """`desk("olga", "operator")`: the console, with her signed in as a member of these groups."""

    def desk(name: str = "ada", groups: str = "admin", **options: Any) -> Desk:
        return sit_down(visit, cloud.doors.urls, campaign.event_id, name, groups, **options)

    return desk


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], None]:
    """`axe(page)` fails where the page, as it is now, has a violation of WCAG 2.2 AA or of good practice."""
    source = AXE.read_text()
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() == AXE_SHA256, "axe-core is the file that was looked at"

    def axe(page: Page) -> None:
        page.evaluate(source)
        run = "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})"
        found = page.evaluate(run, AXE_TAGS)["violations"]
        told = [f"{each['id']}: {each['help']}: {[node['html'] for node in each['nodes']]}" for each in found]
        assert not told, "\n".join(told)

    return axe
