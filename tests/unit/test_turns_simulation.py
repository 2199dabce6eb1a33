"""Openings with turns in the simulation: a crowd that comes evenly, what lets it in, and what it costs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness.prices import HTTP_API_REQUEST
from benchmarks.scale import document, limits, turns
from benchmarks.scale.advice import recommended
from benchmarks.scale.capacity import admitted, changes
from benchmarks.scale.deployment import Deployment, outside
from benchmarks.scale.planning import FIRST_CONNECTIONS, MAX_BLOCK_S
from benchmarks.scale.times import Aws, Opening
from dev.cloud import ROOT
from tests.unit.test_capacity import TIMES

if TYPE_CHECKING:
    from pathlib import Path

SMALL = 20_000  # people


@cache
def found(spread_s: int, people: int = SMALL) -> turns.Found:
    return turns.simulated(TIMES, people, spread_s)


@settings(max_examples=15, deadline=None)
@given(st.integers(100, 500_000), st.sampled_from([0, 1, 3, 10]))
def test_everybody_is_told_once_by_the_api_or_the_page(people: int, spread_s: int) -> None:
    """As many as there are coupons before it is sold out, and all others when they know."""
    one = found(spread_s, people)
    assert one.admitted + one.told_by_page == pytest.approx(people, abs=1.01)
    assert one.admitted >= one.coupons
    assert 0 < one.sold_out_s <= one.known_s + turns.STEP_S
    assert 0 <= one.reserved <= one.coupons


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 20), st.floats(0.1, 0.9))
def test_no_second_has_more_requests_than_turns(spread_s: int, share: float) -> None:
    """Where the stack lets all of them in, nobody asks twice: a second has people / spread of them."""
    people = int(turns.ADMITTED * spread_s * share)
    assert found(spread_s, people).peak <= people / spread_s


def test_turns_that_a_stack_can_take_refuse_nobody() -> None:
    """Everybody asks once, besides checking in, and nobody looks at the cached event."""
    calm, rush = found(10), found(0)
    assert calm.requests == pytest.approx(2 * SMALL)
    assert calm.looks == 0
    assert rush.requests > 2 * SMALL
    assert rush.looks > 0


def test_people_come_in_at_the_rate_that_the_model_says() -> None:
    """The first limit of `make capacity` is what the simulated crowd meets."""
    crowd = Opening(burst=1_000_000, seconds=1, coupons=100_000)
    rate = admitted(crowd, turns.STACK, Aws(TIMES))
    assert rate == turns.STACK["ApiRateLimit"]
    assert 100_000 / found(0, 10_000_000).sold_out_s == pytest.approx(rate, rel=0.05)


def test_an_opening_costs_more_with_every_request() -> None:
    """Each at least what the API asks for."""
    calm, rush = found(10), found(0)
    assert calm.requests * HTTP_API_REQUEST < calm.cost < rush.cost


def test_who_is_refused_asks_evenly_over_the_pages_wait() -> None:
    """A second crowd would come at once, if everybody waited equally long."""
    crowd = turns.Crowd()
    crowd.add(1, 400, 2, 1.0)
    asked = [crowd.due(step)[1] for step in range(110)]
    assert asked[:3] == [0, 0, pytest.approx(4)]
    assert sum(asked) == pytest.approx(400)
    assert asked[102:] == [pytest.approx(0, abs=1e-9)] * 8


def test_first_winners_are_connected_in_time_or_cut_off() -> None:
    """As many as the brokers take; the others send nothing for as long as the breaker says."""
    environments, at_once = turns.STACK.environments, 10**9
    in_time = turns.STACK["BrokerCount"] * limits.CONNECTIONS_PER_S / FIRST_CONNECTIONS * MAX_BLOCK_S
    cut = environments - in_time
    assert turns.reserved(at_once, MAX_BLOCK_S, 100) == pytest.approx(cut, rel=0.01)
    sold_out_s, coupons = 100, 100 * environments  # a winner a second for each
    assert turns.reserved(at_once, sold_out_s, coupons) == pytest.approx(cut * (1 + turns.BREAKER_S), rel=0.01)
    assert turns.reserved(environments / MAX_BLOCK_S, sold_out_s, coupons) == 0  # so slowly that the brokers keep up


def test_the_page_waits_as_the_simulation_does() -> None:
    """Two places have these waits: web/event/schedule.js has those of the page."""
    script = (ROOT / "web" / "event" / "schedule.js").read_text()
    [caps] = re.findall(r"RETRY_CAPS_MS = (\[[0-9, ]+\])", script)
    assert tuple(json.loads(caps)) == turns.AGAIN_S


def test_the_page_is_written_between_its_marks(tmp_path: Path) -> None:
    """What stands around the tables stays as it is, and a second time changes nothing."""
    page = tmp_path / "scale.md"
    page.write_text(document.PAGE.read_text())
    document.write(TIMES, [found(10)], page)
    once = page.read_text()
    assert f"| {SMALL:,} | 10,000 | {2 * SMALL:,} |" in once
    assert once.partition("<!-- sizes -->")[0] == document.PAGE.read_text().partition("<!-- sizes -->")[0]
    assert once.rpartition("<!-- end -->")[2] == document.PAGE.read_text().rpartition("<!-- end -->")[2]
    document.write(TIMES, [found(10)], page)
    assert page.read_text() == once


def test_the_stack_of_the_table_is_the_one_that_is_advised() -> None:
    """For as many as it lets in, within what the templates take."""
    default = Deployment()
    there = Aws(replace(TIMES, produce_s=TIMES.produce_s / 2))  # about what was measured
    advice = recommended(Opening(turns.ADMITTED, 10, turns.ADMITTED), default, there)
    assert advice is not None
    assert advice.stacks == 1
    assert changes(default, advice.each) == changes(default, turns.STACK)
    assert not outside(turns.STACK.parameters)
