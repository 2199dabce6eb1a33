"""Every state of the applicant's page in every language: readable for everybody, and small enough for every screen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from dev.pages import WEB, serving
from tests.web.states import EVENT, LANGUAGES, STATES, only_the_view, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    from tests.web.conftest import Visit

CONFIG = {"api": "http://127.0.0.1:1", "issuer": "http://127.0.0.1:2"}
SMALLEST = {"width": 320, "height": 640}
# Each second of the last eleven minutes, and a minute after: what is said, and when.
COUNT_DOWN = """(from) => {
  const said = document.getElementById("said"), heard = [];
  new MutationObserver(() => heard.push(said.textContent)).observe(said, {childList: true, subtree: true});
  return (async () => {
    for (let second = 660; second > -60; second -= 1) {
      tick(from - 1000 * second);
      await null;
    }
    return heard;
  })();
}"""
# The names of all words of each language, with those of each state.
SHAPES = """() => import("/words.js").then(({LANGUAGES: {en, ko}}) => [en, ko].map((words) =>
  Object.entries(words).map(([name, said]) => typeof said === "object" ? [name, Object.keys(said).sort()] : name)
    .sort()))
"""


@pytest.fixture
def address() -> Iterator[str]:
    with serving(WEB / "event", CONFIG) as url:
        yield url


def standing(visit: Visit, address: str, **options: Any) -> Page:
    return visit(address, prepare=only_the_view, **options)


def test_the_pictures_have_every_state(visit: Visit, address: str) -> None:
    """What is shown here is what the machine knows, and both languages have words for it."""
    page = standing(visit, address)
    known = page.evaluate("import('/machine.js').then(({STATES}) => STATES)")
    assert {state["name"] for state in STATES.values()} == set(known)
    english, korean = page.evaluate(SHAPES)
    assert english == korean
    assert {each[0] for each in english if isinstance(each, list)} >= set(known)


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ko", "dark")])
def test_axe_finds_nothing_in_any_state(
    language: str, scheme: str, visit: Visit, address: str, axe: Callable[[Page], None]
) -> None:
    """No violation of WCAG 2.2 AA: contrast, names, landmarks, language, targets."""
    page = standing(visit, address, color_scheme=scheme, viewport=SMALLEST, reduced_motion="reduce")
    for name in STATES:
        show(page, name, language)
        axe(page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_cut_off_at_320_pixels(language: str, visit: Visit, address: str) -> None:
    """Nobody scrolls sideways, at twice the letters' size either."""
    page = standing(visit, address, viewport=SMALLEST)
    page.emulate_media(reduced_motion="reduce")
    for size in ("100%", "200%"):
        page.evaluate("size => { document.documentElement.style.fontSize = size; }", size)
        for name in STATES:
            show(page, name, language)
            assert page.evaluate("document.documentElement.scrollWidth") <= SMALLEST["width"], (name, size)


def test_each_state_has_one_sentence_and_one_step(visit: Visit, address: str) -> None:
    """In both languages, and never two buttons."""
    page = standing(visit, address)
    for language in LANGUAGES:
        for name in STATES:
            show(page, name, language)
            text = page.get_by_role("heading", level=1).inner_text()
            assert re.fullmatch(r"[^.!?…]+[.…]|.*:\d\d.*\.", text.replace(" …", "…")), text
            assert page.locator("main button:visible").count() <= 1, name


def test_times_name_their_zones(visit: Visit, address: str) -> None:
    """The event's zone and one's own stand beside each other, once each where they are the same."""
    page = standing(visit, address, timezone_id="Europe/Zurich", locale="en-GB")
    show(page, "before", "en")
    facts = page.locator("#facts").inner_text()
    assert "(Asia/Seoul)" in facts
    assert "(Europe/Zurich)" in facts
    page = standing(visit, address, timezone_id="Asia/Seoul", locale="en-GB")
    show(page, "before", "en")
    facts = page.locator("#facts").inner_text()
    assert facts.count("Asia/Seoul") == 1
    assert "In your time" not in facts


def test_utc_is_named_once(visit: Visit, address: str) -> None:
    """An event without a zone of its own is in UTC, whose short name is its name."""
    page = standing(visit, address, timezone_id="UTC", locale="en-GB")
    for language in LANGUAGES:
        show(page, "before", language, timezone="UTC")
        assert page.locator("#facts").inner_text().count("UTC") == 1


def test_the_timer_speaks_when_it_counts(visit: Visit, address: str) -> None:
    """A screen reader hears ten minutes, one minute, ten seconds and the opening; each other second is silent."""
    page = standing(visit, address)
    show(page, "before-joined", "en")
    assert page.get_by_role("timer").get_attribute("aria-live") == "off"
    page.evaluate("document.getElementById('said').textContent = ''")
    heard = page.evaluate(COUNT_DOWN, EVENT["opens_at"])
    assert heard[::2] == ["Ten minutes left.", "One minute left.", "Ten seconds left.", "It is open."]
    assert set(heard[1::2]) == {""}, "what was said is gone before it is wrong"
    assert len(heard) == 8


def test_reduced_motion_is_respected(visit: Visit, address: str) -> None:
    """Nothing moves for whoever asked the system for no motion."""
    moving = "[...document.querySelectorAll('*')].flatMap(one => one.getAnimations({subtree: true})).length"
    for reduced, names in (("reduce", list(STATES)), ("no-preference", ["asking"])):
        page = standing(visit, address, reduced_motion=reduced)
        found = 0
        for name in names:
            show(page, name, "en")
            found += page.evaluate(moving)
        assert (found > 0) == (reduced == "no-preference")
