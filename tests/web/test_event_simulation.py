"""The page's own modules in Chromium on a virtual clock: when they ask, how often, and that everybody is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dev.pages import WEB, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page


SIMULATION = (Path(__file__).parent / "simulation.js").read_text()
CONFIG = {"api": "http://127.0.0.1:1", "issuer": "http://127.0.0.1:2"}
MINUTE_MS = 60_000
CAPS_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000]
PAUSED_UNTIL_MS = 60_000
WAY_MS = 80  # the longest way of the simulation's network, there or back
AFTER_OPENING = [1_000, 2_000]  # when a page is opened, in ms from the opening


# Answers as [when the server wrote it, how long it took]: what the clock reads at each arrival, and the truth.
CLOCK = """async (answers) => {
  const {Clock} = await import("/clock.js");
  let now = 0;
  const clock = new Clock(() => now + 5e6), base = Date.UTC(2030, 0, 1);
  return answers.map(([at, took]) => [at, at + took]).sort((one, other) => one[1] - other[1]).map(([at, arrives]) => {
    now = arrives;
    clock.hear(new Date(base + at).toISOString());
    return [clock.now() - base, now];
  });
}"""


@dataclass
class Simulated:
    """What one page did; times are in ms from the opening."""

    trace: list[tuple[str, float]]
    shown: list[tuple[str, float]]
    state: dict[str, Any]
    turn: int
    ticket: int | None

    def asked(self, kind: str) -> list[float]:
        """Return when its requests of this kind came to the server."""
        return [at for what, at in self.trace if what == kind]


@pytest.fixture(scope="module")
def bare(browser: Browser) -> Iterator[Page]:
    """The page's origin, to import its modules from; nothing of it runs."""
    with serving(WEB / "event", CONFIG) as url:
        page = browser.new_page()
        page.goto(url + "/words.js")
        yield page
        page.close()


@pytest.fixture(scope="module")
def simulate(bare: Page) -> Callable[..., list[Simulated]]:
    """`simulate(pages=2000, …)`: the options are in the head of simulation.js."""
    return lambda **options: [Simulated(**each) for each in bare.evaluate(SIMULATION, options)]


def test_an_opening_comes_as_the_turns_spread_it(simulate: Callable[..., list[Simulated]]) -> None:
    """2,000 pages, 20 coupons, turns over 10 s: at most 300 applications in any second, and everybody is told."""
    pages = simulate(pages=2_000, coupons=20, spreadMs=10_000, arrive=[-15 * MINUTE_MS, -30_000])
    applied = sorted(at for page in pages for at in page.asked("apply"))
    busiest = max(sum(at <= other < at + 1_000 for other in applied) for at in applied)
    assert busiest <= 300
    assert Counter(page.state["name"] for page in pages) == {"issued": 20, "soldout": 1_980}
    assert sorted(page.ticket for page in pages if page.ticket is not None) == list(range(1, 21))


def test_a_page_checks_in_once_and_asks_once_at_its_turn(simulate: Callable[..., list[Simulated]]) -> None:
    """The check-in is at a random moment between ten minutes and one before; the application is not before the turn."""
    pages = simulate(pages=500, coupons=20, spreadMs=10_000)
    for page in pages:
        checked_in, asked = page.asked("apply")
        assert -10 * MINUTE_MS <= checked_in <= -MINUTE_MS + WAY_MS
        assert page.turn <= asked <= page.turn + 1_000
    first, *_, last = sorted(page.asked("apply")[0] for page in pages)
    assert first < -9 * MINUTE_MS
    assert last > -2 * MINUTE_MS


def test_losers_stop_and_winners_stop_at_the_coupon(simulate: Callable[..., list[Simulated]]) -> None:
    """Who has no ticket never asks for a status; who has one asks after 2, 4, 8 and 16 s, until the coupon is there."""
    for issued_after_ms, waits in ((5_000, [2_000, 4_000]), (None, [2_000, 4_000, 8_000, 16_000])):
        pages = simulate(pages=60, coupons=20, spreadMs=10_000, issuedAfterMs=issued_after_ms)
        for page in pages:
            asked = page.asked("status")
            if page.ticket is None:
                assert page.state["name"] == "soldout"
                assert not asked
                continue
            won = page.asked("apply")[-1]
            gaps = [at - before for before, at in zip([won, *asked], asked, strict=False)]
            assert len(gaps) == len(waits)
            assert all(wait <= gap <= wait + 4 * WAY_MS for wait, gap in zip(waits, gaps, strict=True)), gaps
        assert {page.state["name"] for page in pages if page.ticket} == {"issued" if issued_after_ms else "making"}


@pytest.mark.parametrize("kind", ["away", "empty", "challenge", "broken"])
def test_six_further_tries_with_full_jitter_then_a_button(simulate: Callable[..., list[Simulated]], kind: str) -> None:
    """No answer, an empty 202 or a firewall's challenge is never "won". The event is looked at before each try."""
    pages = simulate(pages=200, coupons=20, arrive=AFTER_OPENING, faults=[{"kind": kind}])
    for page in pages:
        assert page.state["name"] == "tryagain"
        assert "againAt" not in page.state, "a button is next"
        assert not {"accepted", "making", "issued"} & {name for name, _ in page.shown}
        assert [what for what, _ in page.trace] == ["event", "apply"] * 7
        asked = page.asked("apply")
        for cap, before, at in zip(CAPS_MS, asked, asked[1:], strict=False):
            assert at - before <= cap + 4 * WAY_MS
    waits = [page.asked("apply")[6] - page.asked("apply")[5] for page in pages]
    assert min(waits) < 3_000, "full jitter begins at zero"
    assert max(waits) > 27_000


def test_a_lost_answer_costs_nobody_a_ticket(simulate: Callable[..., list[Simulated]]) -> None:
    """The gate decides and half of the answers are lost: whoever has a ticket is told so by asking again."""
    faults = [{"kind": "lost", "share": 0.5, "from": 0}]
    pages = simulate(pages=300, coupons=40, spreadMs=10_000, faults=faults)
    for page in pages:
        if page.state["name"] != "tryagain":  # seven answers in a row were lost: a button is next
            assert page.state["name"] == ("issued" if page.ticket else "soldout")
    assert sum(page.state["name"] == "issued" for page in pages) >= 38


def test_a_lost_win_is_found_behind_a_throttle(simulate: Callable[..., list[Simulated]]) -> None:
    """Who may have a ticket asks until they know, even where the event shows that all are given away."""
    faults = [{"kind": "lost", "from": 0, "until": 2_500}, {"kind": "throttled", "share": 0.5, "from": 2_500}]
    pages = simulate(pages=60, coupons=20, arrive=AFTER_OPENING, faults=faults)
    winners = [page for page in pages if page.ticket is not None]
    assert len(winners) == 20
    told = Counter(page.state["name"] for page in winners)
    assert told.keys() <= {"issued", "tryagain"}, "nobody with a ticket is told that they lost"
    assert told["issued"] > 15


def test_who_was_held_back_learns_from_the_event(simulate: Callable[..., list[Simulated]]) -> None:
    """A throttled application was not decided: once the event has nothing left, the page asks nobody else."""
    faults = [{"kind": "throttled", "share": 0.9, "from": 0, "until": 3_000}]
    pages = simulate(pages=300, coupons=5, arrive=AFTER_OPENING, faults=faults)
    assert {page.state["name"] for page in pages} == {"issued", "soldout"}
    spared = [page for page in pages if page.state["name"] == "soldout" and len(page.asked("apply")) == 1]
    assert len(spared) > 100
    assert all(page.state["askedAt"] and page.state["correlationId"] for page in spared)


def test_an_expired_token_is_found_at_the_check_in(simulate: Callable[..., list[Simulated]]) -> None:
    """Whoever must sign in again hears of it at least a minute before the opening."""
    for page in simulate(pages=100, faults=[{"kind": "unauthorized"}], untilMs=0):
        assert page.shown[-1][0] == "signedout"
        assert page.shown[-1][1] <= -MINUTE_MS + 2 * WAY_MS


def test_a_paused_event_goes_on_by_itself(simulate: Callable[..., list[Simulated]]) -> None:
    """Paused pages look at the event only; when it goes on, they ask over the spread."""
    pages = simulate(pages=400, coupons=20, spreadMs=60_000, paused=[0, 90_000])
    assert {page.state["name"] for page in pages} == {"issued", "soldout"}
    assert "paused" in {name for page in pages for name, _ in page.shown}
    asked = sorted(at for page in pages for at in page.asked("apply") if at >= 90_000)
    assert max(sum(at <= other < at + 1_000 for other in asked) for at in asked) <= 30
    assert asked[-1] > 90_000 + PAUSED_UNTIL_MS + 30_000, "over the spread, after the look that found it open"


def test_the_clock_never_runs_backwards_or_ahead(bare: Page) -> None:
    """Answers that took longer than others, and were older when they came, move the clock forward or not at all."""
    readings = bare.evaluate(CLOCK, [[0, 400], [1_000, 90], [2_000, 3_000], [9_000, 10], [9_500, 2_000], [20_000, 700]])
    shown = [server for server, _ in readings]
    assert shown == sorted(shown)
    assert all(server <= true for server, true in readings)
    assert readings[-1][1] - readings[-1][0] == 10, "the quickest answer counts"


def test_the_page_asks_only_for_who_has_said_so(simulate: Callable[..., list[Simulated]]) -> None:
    """Until somebody takes part the page looks at the event once, and shows a button when it is open."""
    for page in simulate(pages=50, joined=False):
        assert [what for what, _ in page.trace] == ["event"]
        assert [name for name, _ in page.shown] == ["before", "open"]
