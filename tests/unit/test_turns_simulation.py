"""Openings with turns in the simulation: a crowd that comes evenly, whoever looks first, and what it costs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness.prices import HTTP_API_REQUEST
from benchmarks.scale import document, turns, worlds
from benchmarks.scale.advice import recommended
from benchmarks.scale.capacity import changes
from benchmarks.scale.deployment import Deployment, outside
from benchmarks.scale.times import Aws, Opening
from benchmarks.scale.worlds import Looks
from dev.cloud import ROOT
from tests.unit.test_capacity import TIMES

if TYPE_CHECKING:
    from pathlib import Path

SMALL = 20_000  # people


def found(spread_s: int, looks: Looks = Looks.AGAIN, people: int = SMALL) -> turns.Found:
    return turns.simulated(TIMES, people, spread_s, looks)


@settings(max_examples=15, deadline=None)
@given(st.integers(100, 30_000), st.sampled_from([0, 1, 3, 10]), st.sampled_from(Looks))
def test_as_many_are_accepted_as_there_are_coupons(people: int, spread_s: int, looks: Looks) -> None:
    """Each of them becomes a row, and everybody else is told that it is over."""
    crowd, deployment = turns.opening(people, spread_s), Deployment()
    pipeline = worlds.aws(crowd, deployment, Aws.of(TIMES, deployment), packet=max(1, people // 200), looks=looks)
    pipeline.env.run(turns.SETTLED_S)
    words = pipeline.seen.words
    assert words["accepted"] + words["reserved"] == words["row"] == crowd.coupons
    assert sum(many for word, many in words.items() if word != "row") == people


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 20), st.floats(0.1, 0.9), st.sampled_from(Looks))
def test_no_second_has_more_requests_than_turns(spread_s: int, share: float, looks: Looks) -> None:
    """Where the stack lets all of them in, nobody asks twice: a second has people / spread of them."""
    people = int(turns.ADMITTED * spread_s * share)
    calm = found(spread_s, looks, people)
    packet = max(1, people // turns.PACKETS)
    assert calm.peak <= people / spread_s + packet


@settings(max_examples=15, deadline=None)
@given(st.integers(1_000, 100_000), st.sampled_from([1, 3, 10]))
def test_beyond_what_is_let_in_only_retries_are_added(people: int, spread_s: int) -> None:
    """A second has people / spread first requests; all others are of people who were refused before."""
    crowd, deployment = turns.opening(people, spread_s), Deployment()
    packet = max(1, people // 200)
    pipeline = worlds.aws(crowd, deployment, Aws.of(TIMES, deployment), packet=packet, looks=Looks.AGAIN)
    pipeline.env.run(turns.SETTLED_S)
    assert sum(many for _, many in pipeline.seen.first) == people
    assert turns.peak(pipeline.seen.first) <= people / spread_s + packet


def test_turns_that_a_stack_can_take_refuse_nobody() -> None:
    """Everybody asks once, besides checking in, and nobody looks."""
    calm = found(10)
    assert (calm.requests, calm.looks) == (2 * SMALL, 0)
    assert calm.peak <= SMALL / 10
    rush = found(0)
    assert rush.requests > 2 * SMALL
    assert rush.looks > 0


def test_who_looks_first_asks_only_until_it_is_sold_out() -> None:
    """Looking costs less than asking."""
    first = found(10, Looks.FIRST)
    assert first.looks == SMALL
    assert first.requests < SMALL * 1.3  # check-ins, and the first turns
    assert first.cost < found(10).cost + SMALL * turns.LOOK


def test_an_opening_costs_more_with_every_request() -> None:
    """Each at least what the API asks for."""
    calm, rush = found(10), found(0)
    assert calm.requests * HTTP_API_REQUEST < calm.cost < rush.cost


def test_the_page_waits_as_the_simulation_does() -> None:
    """Two places have these waits: web/event/schedule.js has those of the page."""
    script = (ROOT / "web" / "event" / "schedule.js").read_text()
    [caps] = re.findall(r"RETRY_CAPS_MS = (\[[0-9, ]+\])", script)
    assert tuple(json.loads(caps)) == worlds.AGAIN_S


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
    there = Aws.of(replace(TIMES, produce_s=TIMES.produce_s / 2), default)  # about what was measured
    advice = recommended(Opening(turns.ADMITTED, 10, turns.ADMITTED), default, there)
    assert advice is not None
    assert advice.stacks == 1
    assert changes(default, advice.each) == changes(default, turns.STACK)
    assert not outside(turns.STACK.parameters)
