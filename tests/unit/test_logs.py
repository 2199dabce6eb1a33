"""`make logs` shows the logs of all processes as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dev.logs import LAST_LINES, Logs, follow

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_each_line_is_told_once_with_its_process(tmp_path: Path) -> None:
    """Of what was there before, the last lines; then each line when it is whole, those of new processes too."""
    (tmp_path / "logs").mkdir()
    apply = tmp_path / "logs" / "apply.log"
    apply.write_text("".join(f"{number}\n" for number in range(3 * LAST_LINES)))
    logs = Logs(tmp_path)
    assert [line.split()[-1] for line in logs.lines()] == [str(2 * LAST_LINES + n) for n in range(LAST_LINES)]
    with apply.open("a") as more:
        more.write("whole\nhal")
    assert list(logs.lines()) == ["       apply | whole"]
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "redis.log").write_text("ready\n")
    with apply.open("a") as more:
        more.write("f\n")
    assert list(logs.lines()) == ["       apply | half", "       redis | ready"]


def test_a_log_that_begins_anew_is_told_from_its_start(tmp_path: Path) -> None:
    """A log that became shorter is read from its beginning; a missing one is waited for."""
    log = tmp_path / "cloud.log"
    log.write_text("a long line of the former one\n")
    logs = Logs(tmp_path)
    assert len(list(logs.lines())) == 1
    log.write_text("new\n")
    assert list(logs.lines()) == ["       cloud | new"]
    log.unlink()
    assert not list(logs.lines())


def test_logs_end_with_the_cloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was written last is still shown."""
    (tmp_path / "cloud.log").write_text("said last\n")
    follow(tmp_path, lambda: False)
    assert capsys.readouterr().out == "       cloud | said last\n"
