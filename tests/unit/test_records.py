"""The records of the stream: what is written can be read, and nothing else can."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstcome import rules
from firstcome.rules import Reason, Ticket
from firstcome.stream.record import RESTORE_EPOCH_MAX, TICKET_MAX, BadRecord, decode, encode

YEAR_9999_MS = 253_402_300_799_999

tickets = st.builds(
    Ticket,
    event_id=st.from_regex(rules.EVENT_ID_PATTERN, fullmatch=True),
    user_id=st.from_regex(rules.USER_ID_PATTERN, fullmatch=True),
    number=st.integers(1, TICKET_MAX),
    applied_at_ms=st.integers(0, YEAR_9999_MS),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)

GOOD = {
    "v": 1,
    "event_id": "E",
    "user_id": "u",
    "ticket": 7,
    "applied_at": "2030-01-02T03:04:05.678Z",
    "restore_epoch": 2,
}


def record(**changed: object) -> bytes:
    """Return a good record but for these fields; `...` takes one away."""
    return json.dumps({name: value for name, value in (GOOD | changed).items() if value is not ...}).encode()


def refused(value: bytes | None) -> BadRecord:
    with pytest.raises(BadRecord) as caught:
        decode(value)
    return caught.value


@given(tickets, st.integers(0, RESTORE_EPOCH_MAX))
def test_what_is_encoded_is_decoded_unchanged(ticket: Ticket, restore_epoch: int) -> None:
    """A record carries every ticket and restore_epoch without loss, and the same ones as the same bytes."""
    assert decode(encode(ticket, restore_epoch)) == (ticket, restore_epoch)
    assert encode(ticket, restore_epoch) == encode(ticket, restore_epoch)


def outcome(value: bytes) -> object:
    """Return what becomes of a value, right or wrong."""
    try:
        return decode(value)
    except BadRecord as bad:
        return bad.reason, bad.event_id, bad.user_id, bad.ticket, bad.applied_at_ms


@given(
    tickets,
    st.integers(0, RESTORE_EPOCH_MAX + 9),
    st.integers(0),
    st.integers(0, 2),
    st.text('019"{}:,-TZ\\ ', max_size=2),
)
def test_what_was_written_is_read_as_json_is(
    ticket: Ticket, restore_epoch: int, at: int, cut: int, instead: str
) -> None:
    """Whatever stands in a record that looks like ours: a space behind it makes it JSON, and changes nothing."""
    value = encode(ticket, restore_epoch)
    at %= len(value)
    value = value[:at] + instead.encode() + value[at + cut :]
    assert outcome(value) == outcome(value + b" ")


def test_a_record_looks_as_documented() -> None:
    """The value is versioned, compact JSON with a time that people can read."""
    assert encode(Ticket("E", "u", 7, 1_893_553_445_678), 2) == (
        b'{"v":1,"event_id":"E","user_id":"u","ticket":7,"applied_at":"2030-01-02T03:04:05.678Z","restore_epoch":2}'
    )


@given(st.binary())
def test_no_bytes_do_more_than_be_refused(value: bytes) -> None:
    """Whatever stands in the log, decoding answers a ticket or raises BadRecord, and nothing else."""
    assert refused(value).reason in {Reason.NOT_JSON, Reason.UNKNOWN_VERSION}, "an empty object is JSON, too"


@given(st.sampled_from(sorted(GOOD)), json_values)
def test_no_field_does_more_than_be_refused(name: str, value: object) -> None:
    """A field of any JSON type and value is read exactly, or the record is bad."""
    try:
        ticket, restore_epoch = decode(record(**{name: value}))
    except BadRecord:
        return
    assert type(ticket.number) is int, "no bool, no float"
    assert type(restore_epoch) is int, "no bool, no float"
    assert decode(encode(ticket, restore_epoch)) == (ticket, restore_epoch), "what was read can be written"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.NO_VALUE),
        (b"", Reason.NOT_JSON),
        (b"no json", Reason.NOT_JSON),
        (b"\xff\xfe{\x00}\x00", Reason.NOT_JSON),  # UTF-16, which json.loads(bytes) would read
        (b"\xef\xbb\xbf{}", Reason.NOT_JSON),
        (b"[" * 100_000, Reason.NOT_JSON),  # deeper than the interpreter
        (b"1" * 10_000, Reason.NOT_JSON),  # longer than an int may be
        (b"[]", Reason.NOT_JSON),
        (b'"text"', Reason.NOT_JSON),
        (b"null", Reason.NOT_JSON),
        (record(v=2), Reason.UNKNOWN_VERSION),
        (record(v="1"), Reason.UNKNOWN_VERSION),
        (record(v=True), Reason.UNKNOWN_VERSION),
        (record(v=1.0), Reason.UNKNOWN_VERSION),
        (record(v=...), Reason.UNKNOWN_VERSION),
        (record(event_id=...), Reason.BAD_FIELD),
        (record(event_id=""), Reason.BAD_FIELD),
        (record(event_id="x" * 65), Reason.BAD_FIELD),
        (record(event_id="{E}"), Reason.BAD_FIELD),
        (record(event_id="E\n"), Reason.BAD_FIELD),
        (record(event_id=["E"]), Reason.BAD_FIELD),
        (record(user_id=...), Reason.BAD_FIELD),
        (record(user_id="x" * 256), Reason.BAD_FIELD),
        (record(user_id="ü"), Reason.BAD_FIELD),
        (record(user_id=7), Reason.BAD_FIELD),
        (record(user_id="."), Reason.BAD_FIELD),
        (encode(Ticket("E", "..", 7, 0), 2), Reason.BAD_FIELD),
        (record(ticket=...), Reason.BAD_FIELD),
        (record(ticket=0), Reason.BAD_FIELD),
        (record(ticket=-1), Reason.BAD_FIELD),
        (record(ticket=TICKET_MAX + 1), Reason.BAD_FIELD),
        (record(ticket=True), Reason.BAD_FIELD),
        (record(ticket=7.0), Reason.BAD_FIELD),
        (record(ticket="7"), Reason.BAD_FIELD),
        (record(applied_at=...), Reason.BAD_FIELD),
        (record(applied_at="2030-01-02T03:04:05"), Reason.BAD_FIELD),  # no offset: whose time?
        (record(applied_at="1969-12-31T23:59:59.999Z"), Reason.BAD_FIELD),
        (record(applied_at="yesterday"), Reason.BAD_FIELD),
        (record(applied_at="9999-12-31T23:59:59-05:00"), Reason.BAD_FIELD),
        (record(applied_at="0001-01-01T00:00:00+14:00"), Reason.BAD_FIELD),
        (record(applied_at=1_893_553_445_678), Reason.BAD_FIELD),
        (record(restore_epoch=...), Reason.BAD_FIELD),
        (record(restore_epoch=-1), Reason.BAD_FIELD),
        (record(restore_epoch=RESTORE_EPOCH_MAX + 1), Reason.BAD_FIELD),
        (record(restore_epoch=True), Reason.BAD_FIELD),
    ],
)
def test_a_record_wrong_in_itself_is_refused_with_its_reason(value: bytes | None, reason: Reason) -> None:
    """Every way to be wrong has a reason that the operator sees."""
    assert refused(value).reason == reason


@pytest.mark.parametrize("name", ["event_id", "user_id", "ticket", "applied_at", "restore_epoch"])
def test_a_bad_record_tells_what_could_be_read(name: str) -> None:
    """One bad field takes nothing else with it: whose it was can still be said; the bad one is None, and is named."""
    bad = refused(record(**{name: None}))
    readable = {
        "event_id": bad.event_id,
        "user_id": bad.user_id,
        "ticket": bad.ticket,
        "applied_at": bad.applied_at_ms,
    }
    expected = {"event_id": "E", "user_id": "u", "ticket": 7, "applied_at": 1_893_553_445_678}
    assert readable == {field: None if field == name else value for field, value in expected.items()}
    assert name in bad.detail


def test_a_record_of_a_later_version_tells_what_could_be_read() -> None:
    """The fields that we know are read from a version that we do not know."""
    bad = refused(record(v=2, restore_epoch="later"))
    assert (bad.event_id, bad.user_id, bad.ticket, bad.applied_at_ms) == ("E", "u", 7, 1_893_553_445_678)


def test_a_field_that_is_not_known_is_ignored() -> None:
    """A later producer may add fields without stopping an earlier consumer."""
    assert decode(record(colour="red")) == (Ticket("E", "u", 7, 1_893_553_445_678), 2)
