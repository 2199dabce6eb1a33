"""The applicant's page against the real local cloud: what people are told, whatever they or the network do."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from dev.pages import TYPES, WEB
from tests.web.applicant import applications, sentence, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page, Route

    from dev.cloud import Cloud
    from tests.e2e.campaign import Campaign
    from tests.web.conftest import Watch

KILOBYTE = 1024
# Another time on the device's clock, and the true one beside it.
WRONG_CLOCK = """
globalThis.trueNow = Date.now.bind(Date);
const off = %d;
globalThis.Date = class extends Date {
  constructor(...given) { given.length ? super(...given) : super(trueNow() + off); }
  static now() { return trueNow() + off; }
};
"""
EXPIRE = """() => {
  const person = JSON.parse(sessionStorage["firstcome:person"]);
  sessionStorage["firstcome:person"] = JSON.stringify({...person, until: 0});
}"""
SAMPLES = """async (count) => {
  const samples = [];
  while (samples.length < count) {
    await new Promise(requestAnimationFrame);
    samples.push([trueNow(), document.getElementById("timer").textContent]);
  }
  return samples;
}"""


def test_a_winner_is_told_the_ticket_and_then_the_coupon(campaign: Campaign, come: Callable[..., Page]) -> None:
    """The page asks on by itself until the coupon is there."""
    campaign.open(2)
    page = come("alice")
    step(page, "Ask for a coupon").click()
    expect(page.locator("body")).to_have_attribute("data-state", "issued")
    expect(sentence(page)).to_have_text("Your coupon is ready.")
    expect(page.locator("#coupon")).to_contain_text("№ 1")
    campaign.wait_consumed()
    assert campaign.holders() == {"alice": 1}


def test_a_winner_copies_the_code(campaign: Campaign, come: Callable[..., Page]) -> None:
    """In an event with codes the coupon is a code, which one click copies."""
    campaign.create(1)
    campaign.operate("upload_codes", codes=["SPRING-7KQ2"])
    campaign.operate("open")
    page = come("alice", permissions=["clipboard-read", "clipboard-write"])
    step(page, "Ask for a coupon").click()
    expect(page.locator("#coupon-code")).to_have_text("SPRING-7KQ2")
    step(page, "Copy the code").click()
    expect(step(page, "Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "SPRING-7KQ2"
    assert "SPRING-7KQ2" not in page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")


def test_everybody_is_told_the_same_again(campaign: Campaign, come: Callable[..., Page], watches: list[Watch]) -> None:
    """A double click, a reload, a second tab, Back, and another device: one ticket, and the same one."""
    campaign.open(9)
    campaign.win("zoe")
    page = come("alice")
    step(page, "Ask for a coupon").dblclick()
    coupon = page.locator("#coupon")
    expect(coupon).to_contain_text("№ 2")
    assert applications(watches[0]) == 1
    page.reload()
    expect(coupon).to_contain_text("№ 2")
    page.goto("about:blank")
    page.go_back()
    expect(coupon).to_contain_text("№ 2")
    tab = page.context.new_page()
    tab.goto(page.url)
    step(tab, "Sign in").click()  # the issuer knows alice already
    expect(tab.locator("#coupon")).to_contain_text("№ 2")
    other = come("alice")
    step(other, "Ask for a coupon").click()
    expect(other.locator("#coupon")).to_contain_text("№ 2")
    campaign.wait_consumed()
    assert campaign.holders() == {"zoe": 1, "alice": 2}


def test_two_tabs_have_one_answer(campaign: Campaign, come: Callable[..., Page]) -> None:
    """What one tab is told the other shows, too."""
    campaign.open(9)
    page = come("alice")
    tab = page.context.new_page()
    tab.goto(page.url)
    step(tab, "Sign in").click()  # the issuer knows alice already
    expect(step(tab, "Ask for a coupon")).to_be_visible()
    step(page, "Ask for a coupon").click()
    for each in (page, tab):
        expect(each.locator("#coupon")).to_contain_text("№ 1")


def test_a_page_asks_by_itself_at_its_turn(campaign: Campaign, come: Callable[..., Page], watches: list[Watch]) -> None:
    """Who takes part before the opening is told the turn, and has a coupon without another click."""
    campaign.create(5, opens_in_ms=12_000, spread_ms=2_000)
    campaign.operate("open")
    page = come("alice")
    step(page, "Take part").click()
    expect(sentence(page)).to_contain_text("Your turn is at")
    expect(page.locator("body")).to_have_attribute("data-state", "issued")
    assert applications(watches[0]) == 2, "a check-in, and one application"


def test_nobody_is_in_when_they_are_offline(campaign: Campaign, come: Callable[..., Page]) -> None:
    """Offline before the turn, and back after it: the page goes on by itself."""
    campaign.create(5, opens_in_ms=10_000)
    campaign.operate("open")
    page = come("alice")
    step(page, "Take part").click()
    expect(page.locator("body")).to_have_attribute("data-state", re.compile("before|turn"))
    page.context.set_offline(True)
    expect(sentence(page)).to_have_text("You are offline.")
    page.context.set_offline(False)
    expect(page.locator("body")).to_have_attribute("data-state", "issued")


@pytest.mark.parametrize("answer", [{"status": 202}, {"status": 202, "body": "<html>Are you human?</html>"}])
def test_a_firewalls_202_is_no_ticket(campaign: Campaign, come: Callable[..., Page], answer: dict[str, Any]) -> None:
    """A proxy answers the application with a 202 of its own: the page does not say "won", and asks again."""
    campaign.open(1)
    page = come("alice")
    headers = {"access-control-allow-origin": "*", "content-type": "text/html"}
    between: list[Route] = []

    def proxy(route: Route) -> None:
        if route.request.method == "POST" and not between:
            between.append(route)
            route.fulfill(headers=headers, **answer)
        else:
            route.fallback()

    page.context.route("**/applications", proxy)
    page.evaluate("""
      () => {
        globalThis.shown = [];
        const seen = () => shown.push(document.body.dataset.state);
        new MutationObserver(seen).observe(document.body, {attributes: true});
      }
    """)
    step(page, "Ask for a coupon").click()
    expect(page.locator("body")).to_have_attribute("data-state", "issued")
    shown = page.evaluate("shown")
    assert between
    assert shown[: shown.index("tryagain") + 1] == ["asking", "tryagain"]


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_wrong_clock_on_the_device_changes_nothing(
    campaign: Campaign, come: Callable[..., Page], minutes: int
) -> None:
    """The countdown is right within a second, and never runs backwards, whatever the device thinks the time is."""
    campaign.create(5, opens_in_ms=90_000)
    campaign.operate("open")
    page = come()
    page.context.add_init_script(WRONG_CLOCK % (minutes * 60_000))
    page.reload()
    expect(page.get_by_role("timer")).to_be_visible()
    opens_at = page.evaluate("at => new Date(at).getTime()", campaign.event().body["opens_at"])
    samples = page.evaluate(SAMPLES, 150)
    left = [int(text.split(":")[-2]) * 60 + int(text.split(":")[-1]) for _, text in samples]
    off = [shown - (opens_at - now) / 1000 for shown, (now, _) in zip(left, samples, strict=True)]
    assert all(-1 < each < 2 for each in off), (min(off), max(off))  # a second that has begun counts
    assert left == sorted(left, reverse=True)
    assert len(set(left)) > 1


def test_paused_closed_refused_and_unknown_have_their_words(campaign: Campaign, come: Callable[..., Page]) -> None:
    """Each of these answers has one sentence."""
    campaign.open(5)
    page = come("alice")
    campaign.operate("pause")
    step(page, "Ask for a coupon").click()
    expect(sentence(page)).to_have_text("The event is paused.")
    campaign.operate("open")
    campaign.operate("close")
    page.reload()
    expect(sentence(page)).to_have_text("The event is over.")
    page.goto(page.url.partition("?")[0] + "?event=no-such-event")
    expect(sentence(page)).to_have_text("There is no such event.")
    page.goto(page.url.partition("?")[0])
    expect(sentence(page)).to_have_text("There is no such event.")


def test_a_token_that_does_not_count_leads_to_the_issuer(
    cloud: Cloud, campaign: Campaign, come: Callable[..., Page]
) -> None:
    """Signed out in the middle: the page says so, and goes on after signing in."""
    campaign.open(5)
    page = come("alice")
    page.evaluate(EXPIRE)
    page.reload()
    step(page, "Sign in").click()  # the issuer still knows who it is
    expect(step(page, "Ask for a coupon")).to_be_visible()


def test_the_page_speaks_korean_and_english(campaign: Campaign, come: Callable[..., Page]) -> None:
    """The browser's language, the address's, or a click; the sentence stays the state's."""
    campaign.open(5)
    page = come(locale="ko-KR")
    expect(sentence(page)).to_have_text("로그인하고 참여하세요.")
    assert page.locator("html").get_attribute("lang") == "ko"
    step(page, "English").click()
    expect(sentence(page)).to_have_text("Sign in to take part.")
    other = come(query="&lang=ko")
    expect(sentence(other)).to_have_text("로그인하고 참여하세요.")


def test_the_keyboard_is_enough(campaign: Campaign, come: Callable[..., Page]) -> None:
    """Tab reaches the next step first, Enter does it, and whoever pressed it is led to the answer."""
    campaign.open(5)
    page = come("alice")
    expect(step(page, "Ask for a coupon")).to_be_visible()
    page.keyboard.press("Tab")
    expect(step(page, "Ask for a coupon")).to_be_focused()
    page.keyboard.press("Enter")
    expect(sentence(page)).to_be_focused()
    expect(page.locator("body")).to_have_attribute("data-state", "issued")


def test_the_whole_page_is_small() -> None:
    """At most 30 KB gzipped, each file by itself, as they are sent."""
    files = [path for path in (WEB / "event").iterdir() if path.suffix in TYPES]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) <= 30 * KILOBYTE
