"""The ledger's decisions that need no server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiosql
import pymysql
import pytest
from aiosql.types import SQLOperationType
from hypothesis import given
from hypothesis import strategies as st

import firstcome
from firstcome.ledger import grants
from firstcome.ledger.errors import code_of, is_deadlock, is_indefinite, is_lost
from firstcome.ledger.events import TRANSITIONS
from firstcome.ledger.failed_events import all_valid, valid
from firstcome.ledger.migrate import FOLDER, BadMigrationError, read_migrations
from firstcome.ledger.statements import FILES, sql_time, statements
from firstcome.rules import EventState, Ticket

if TYPE_CHECKING:
    from collections.abc import Iterable


@pytest.mark.parametrize(
    ("codes", "lost", "deadlock", "indefinite"),
    [
        pytest.param([2002, 2003, 2006, 2013, 1053, 1927, 4031], True, False, True, id="the server is away"),
        pytest.param([1290, 1792, 1836], True, False, True, id="read-only: another one is the primary now"),
        pytest.param([1205, 1213, 1020], False, True, True, id="lost against another transaction"),
        pytest.param([1040, 1021, 1317, 3024, 1969], False, False, True, id="the server is in trouble"),
        pytest.param([1044, 1045, 1049, 1054, 1142, 1146, 1064], False, False, True, id="the deployment is wrong"),
        pytest.param([1036, 1193, 1231, 1665, 1874, 3159], False, False, True, id="a setting of the server's"),
        pytest.param([1153, 2020], True, False, True, id="too large, and the connection is gone"),
        pytest.param([1301, 1197], False, False, True, id="too large"),
        pytest.param([1062, 1264, 1366, 1406, 1644, 3819, 4025, 1114], False, False, False, id="the row's own fault"),
    ],
)
def test_errors_are_told_apart_by_code(codes: Iterable[int], *, lost: bool, deadlock: bool, indefinite: bool) -> None:
    """Trouble of the server is tried again; only a row's own fault makes a failed row."""
    for code in codes:
        error = pymysql.OperationalError(code, "for the test")
        assert (is_lost(error), is_deadlock(error), is_indefinite(error)) == (lost, deadlock, indefinite), code


@pytest.mark.parametrize(
    "error", [pymysql.InterfaceError(0, ""), pymysql.InternalError("out of step"), pymysql.Error()]
)
def test_an_error_without_a_number_is_a_lost_connection(error: pymysql.Error) -> None:
    """Nobody knows what the server did: it is never the row's fault."""
    assert code_of(error) == 0
    assert is_lost(error)
    assert is_indefinite(error)


def test_no_function_but_operate_may_delete_a_row() -> None:
    """Every grant is read, of a table that there is; a right is to read, insert or update rows."""
    lines = re.findall(r"^GRANT .*", grants.FILE.read_text(encoding="utf-8"), re.MULTILINE)
    tables = set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", FOLDER.with_name("schema.sql").read_text()))
    rights = grants.rights()
    assert rights.keys() == {"apply", "consume", "retry"}
    assert len(lines) == sum(map(len, rights.values()))
    for granted in rights.values():
        assert granted.keys() <= tables
        assert set(re.findall("[A-Z]+", " ".join(granted.values()))) <= {"SELECT", "INSERT", "UPDATE"}


def test_every_named_statement_is_used() -> None:
    """A statement that nobody calls is not tested either."""
    code = "".join(path.read_text(encoding="utf-8") for path in Path(firstcome.__file__).parent.rglob("*.py"))
    used = set(re.findall(r"\bstatements\.(\w+)\(", code))
    assert set(vars(statements)) == used


def test_the_statements_are_those_that_aiosql_reads() -> None:
    """In its format, with its checks: no parameter is undeclared or unused, no sign unknown."""
    signs = {
        SQLOperationType.INSERT_UPDATE_DELETE: "!",
        SQLOperationType.SELECT_ONE: "^",
        SQLOperationType.SELECT_VALUE: "$",
        SQLOperationType.SELECT: "",
    }
    text = "\n".join((FOLDER.with_name(name)).read_text(encoding="utf-8") for name in FILES)
    theirs = aiosql.from_str(text, "pymysql")
    names = [name for name in theirs.available_queries if not name.endswith("_cursor")]
    assert names == sorted(vars(statements))
    for name in names:
        expected, ours = getattr(theirs, name), getattr(statements, name)
        assert ours.sql.split() == expected.sql.split(), name
        assert ours.sign == signs[expected.operation], name
        assert "%" not in re.sub(r"%\(\w+\)s", "", ours.sql), "pymysql would take it for a parameter"


def test_every_state_has_its_transitions() -> None:
    """Ended and deleted are the end, every other state may end, and only a draft may be deleted."""
    assert set(TRANSITIONS) == set(EventState)
    over = {EventState.ENDED, EventState.DELETED}
    assert all(TRANSITIONS[state] == set() for state in over)
    assert all(EventState.ENDED in goals for state, goals in TRANSITIONS.items() if state not in over)
    assert [state for state, goals in TRANSITIONS.items() if EventState.DELETED in goals] == [EventState.DRAFT]
    assert not any(state in goals or EventState.DRAFT in goals for state, goals in TRANSITIONS.items())


def test_times_are_written_in_utc_with_milliseconds() -> None:
    """To the millisecond, also where it is 0."""
    assert sql_time(0) == "1970-01-01 00:00:00.000"
    assert sql_time(1_700_000_000_007) == "2023-11-14 22:13:20.007"
    assert sql_time(253_402_300_799_999) == "9999-12-31 23:59:59.999"


def test_only_what_the_columns_hold_unchanged_is_valid() -> None:
    """Field by field: what is not, is None, so that the rest of a record can still be kept."""
    assert valid("E", "a", 2**31 - 1, 0) == ("E", "a", 2**31 - 1, 0)
    assert valid("E" * 65, "a b", 2**31, -1) == (None, None, None, None)
    assert valid(None, 7, True, 1.0) == (None, None, None, None)
    assert valid("E\n", "a\n", "1", 253_402_300_800_000) == (None, None, None, None)


def either(right: st.SearchStrategy[Any], *wrong: object) -> st.SearchStrategy[Any]:
    return right | st.sampled_from(wrong)


tickets = st.builds(
    Ticket,
    either(st.just("E"), "E" * 65, "", "E\n", "a b", 7, None),
    either(st.just("a"), "a" * 256, "", "ä", "..", 7, None),
    either(st.integers(-(2**31), 2**31), True, 1.0, "1", None),
    either(st.integers(-1, 253_402_300_800_000), False, 0.0, "0", None),
)


@given(st.lists(tickets, max_size=3))
def test_a_batch_is_valid_where_each_of_its_tickets_is(batch: list[Ticket]) -> None:
    """Whatever stands in which column: looked at by column, and one by one, they are the same."""
    assert all_valid(batch) is not any(None in valid(*one) for one in batch)


@pytest.mark.parametrize(
    "names", [["0002_b.sql"], ["0001_a.sql", "0001_b.sql"], ["0001_a.sql", "0003_c.sql"], ["1.sql"]]
)
def test_migrations_have_each_number_once(tmp_path: Path, names: list[str]) -> None:
    """A gap or a number used twice is a merge that went wrong."""
    for name in names:
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(BadMigrationError):
        read_migrations(tmp_path)


def test_a_migration_is_one_statement_that_may_run_twice() -> None:
    """A process may die between a statement and its record."""
    for one in read_migrations():
        code = re.sub(r"--.*", "", one.statement)
        assert ";" not in re.sub(r"'[^']*'", "", code), one.name
        # One ALTER is all or nothing, on both servers: a column that is there already says that all of it is.
        assert "IF NOT EXISTS" in code or (code.count("ALTER TABLE") == 1 and "ADD COLUMN" in code), one.name
