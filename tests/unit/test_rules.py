"""The pure decisions, held against every input that hypothesis can think of."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstcome import rules

if TYPE_CHECKING:
    from collections.abc import Callable

USER_CHARACTERS = set(map(chr, range(0x21, 0x7F))) - set("\"'\\/?#%")


@given(st.text(max_size=300))
def test_an_event_id_is_short_and_plain(value: str) -> None:
    """1 to 64 of A-Z a-z 0-9 _ - and nothing else is accepted."""
    plain = set(string.ascii_letters + string.digits + "_-")
    valid = 1 <= len(value) <= 64 and set(value) <= plain
    assert _accepts(rules.check_event_id, value) == valid


@given(st.one_of(st.text(max_size=300), st.text(alphabet=sorted(USER_CHARACTERS), max_size=300)))
def test_a_user_id_is_printable_and_safe_in_a_path(value: str) -> None:
    """1 to 255 printable ASCII characters without space, quotes, backslash and / ? # %; not `.` or `..` alone."""
    valid = 1 <= len(value) <= 255 and set(value) <= USER_CHARACTERS and value not in (".", "..")
    assert _accepts(rules.check_user_id, value) == valid


@pytest.mark.parametrize(
    "value", [*"\"'\\/?#% \n\t\x7f", "", "a\n", "é", "\uff41", None, 1, True, ["a"], {"a": 1}, b"a"]
)
def test_these_are_no_user_ids(value: object) -> None:
    """Each forbidden character by itself, an empty one, one that ends in a newline, and other types."""
    assert not _accepts(rules.check_user_id, value)


@pytest.mark.parametrize("value", [".", ".."])
def test_a_user_id_is_one_that_a_url_can_carry(value: str) -> None:
    """Every client takes a segment of one or two dots out of a path: nobody could ask for this person's status."""
    with pytest.raises(rules.BadInput, match=r"not \. or \.\. alone") as caught:
        rules.check_user_id(value)
    assert caught.value.code == "bad_user_id"


def test_a_token_subject_is_a_user_id() -> None:
    """What identity providers issue fits."""
    assert rules.check_user_id("auth0|5f7c8ec7c33c6c004bbafe82")
    assert rules.check_user_id("someone+tag@example.com")


@given(st.integers(min_value=0, max_value=253_402_300_799_999))
def test_a_time_survives_the_way_out_and_back(ms: int) -> None:
    """RFC 3339 with milliseconds loses nothing, and sorts as the time does."""
    text = rules.rfc3339(ms)
    assert rules.parse_time("at", text) == ms
    assert rules.to_ms(rules.from_ms(ms)) == ms
    assert len(text) == len("2030-01-01T00:00:00.000Z")


@given(st.integers(rules.TIME_MIN_MS, rules.TIME_MAX_MS))
def test_every_year_has_four_digits(ms: int) -> None:
    """RFC 3339 has no other years; text and time go both ways from the first to the last that is taken."""
    text = rules.rfc3339(ms)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert rules.parse_time("at", text) == ms


@pytest.mark.parametrize(
    ("edge", "ms"), [("1000-01-01T00:00:00Z", rules.TIME_MIN_MS), ("9999-12-31T23:59:59.999Z", rules.TIME_MAX_MS)]
)
def test_the_edges_of_the_calendar_are_times(edge: str, ms: int) -> None:
    """The first and the last millisecond that the ledger's columns hold."""
    assert rules.parse_time("at", edge) == ms


@pytest.mark.parametrize(
    "value",
    [
        "0001-01-01T00:00:00Z",
        "0999-12-31T23:59:59.999Z",
        "1000-01-01T00:00:00+00:01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-05:00",
        "9999-12-31T23:59:59.999999-00:01",
    ],
)
def test_a_time_beyond_the_calendar_is_bad_input(value: str) -> None:
    """The error names the field and the years, wherever the offset carries the time."""
    with pytest.raises(rules.BadInput, match="closes_at must be a time of the years 1000 to 9999") as caught:
        rules.parse_time("closes_at", value)
    assert caught.value.code == "bad_time"


@pytest.mark.parametrize("value", ["", "tomorrow", "2030-01-01T00:00:00", "2030-13-01T00:00:00Z", None, 5])
def test_a_time_needs_an_offset(value: object) -> None:
    """The error names the field."""
    with pytest.raises(rules.BadInput, match="opens_at"):
        rules.parse_time("opens_at", value)


def test_a_naive_time_is_utc() -> None:
    """The ledger keeps times without a zone, in UTC."""
    assert rules.to_ms(datetime(2030, 1, 1)) == rules.to_ms(datetime(2030, 1, 1, tzinfo=UTC))  # noqa: DTZ001


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_backoff_grows_to_its_cap_and_never_comes_back_at_once(attempts: int, chance: float) -> None:
    """Half of the wait is certain, the whole of it is the limit."""
    full = min(60_000, 1_000 * 2 ** min(attempts - 1, 30))
    assert full // 2 <= rules.backoff_ms(attempts, 1_000, 60_000, chance) <= full


def _accepts(check: Callable[[object], str], value: object) -> bool:
    """Say whether `check` takes the value as it is; a refusal has a code and says what to do."""
    try:
        return check(value) == value
    except rules.BadInput as bad:
        return not (bad.code and bad.detail)
